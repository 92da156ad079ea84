import { filesBelow, functionsExportedBy, namesIn, sourcesBelow } from "./source";

const sources = sourcesBelow("src");
const tests = sourcesBelow("test");

test("files are short", () => {
  const lines = sources
    .filter(({ file }) => !file.endsWith(".generated.ts"))
    .map(({ file, text }) => ({ file, lines: text.split("\n").length - 1 }));
  expect(lines.filter((entry) => entry.lines > 400)).toEqual([]);
  const long = lines.filter((entry) => entry.lines >= 300);
  expect(long.length / lines.length).toBeLessThanOrEqual(0.05);
});

test("every function of storage/ is called by somebody", () => {
  const used = new Map([...sources, ...tests].map((source) => [source, namesIn(source)] as const));
  const idle = sources
    .filter(({ file }) => file.startsWith("storage/"))
    .flatMap((source) => functionsExportedBy(source).map((name) => ({ source, name })))
    .filter(({ source, name }) => ![...used].some(([other, names]) => other !== source && names.has(name)));
  expect(idle.map(({ source, name }) => `${source.file}: ${name}`)).toEqual([]);
});

test("migrations are numbered without doubles and name the oldest code that runs on the result", () => {
  const migrations = filesBelow("src/storage/migrations", ".sql");
  const numbers = migrations.map((file) => /^(\d{4})_[a-z_0-9]+\.sql$/.exec(file)?.[1]);
  expect(numbers).not.toContain(undefined);
  expect(new Set(numbers).size).toBe(numbers.length);
});
