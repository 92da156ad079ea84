import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { builtProgram } from "../builders/program";

let folder: string;

beforeAll(async () => {
  folder = dirname(dirname(await builtProgram()));
});

/** Runs lines of JavaScript in a process that has loaded the bundle as bin/synapse-ts does: `cli` and `script` are what it loaded. */
function inProgram(code: string, ...flags: string[]): string {
  const loading = `const { exports: cli, script } = require("./bin/load").load(require("path").resolve("dist/bundle/cli.js"));`;
  return execFileSync(process.execPath, [...flags, "-e", loading + code], { cwd: folder, encoding: "utf8" });
}

test("the code cache of the build is used, and the bundle runs without it where it does not fit", () => {
  const code = `cli.main(["version"]).then(() => console.log(script.cachedDataRejected))`;
  expect(inProgram(code)).toMatch(/^synapse-ts \d.*\nfalse\n$/);
  expect(inProgram(code, "--max-lazy")).toMatch(/^synapse-ts \d.*\ntrue\n$/);
});

test("stack traces name lines of the sources", () => {
  const stack = inProgram(`try { cli.createProgram(undefined).parse(["version"], { from: "user" }) } catch (e) { console.log(e.stack) }`);
  const [, line = "0"] = /^TypeError: .*\n\s+at .*src\/cli\.ts:(\d+)\b/.exec(stack) ?? [stack];
  const source = readFileSync(join(__dirname, "..", "..", "src", "cli.ts"), "utf8").split("\n");
  expect(source[Number(line) - 1]).toMatch(/io\.out\(versionText\(\)\)/);
  expect(stack).toMatch(/node_modules\/commander\/lib\/command\.js:\d+/);
  expect(stack).not.toMatch(/bundle\/cli\.js/);
});
