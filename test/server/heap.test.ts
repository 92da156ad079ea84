import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { buildSync } from "esbuild";

const limiter = join(__dirname, "..", "..", "src", "server", "youngGeneration.ts");

/** The size in MiB of the space for new objects, after a process kept many of them for a while. */
function youngAfterLoad(before: string): number {
  const contents = `${before}
    const kept = [];
    let rounds = 0;
    (function round() {
      for (let i = 0; i < 20000; i++) kept[(rounds * 20000 + i) % 400000] = { i, text: "x" + i };
      if (++rounds < 200) return setImmediate(round);
      const young = require("v8").getHeapSpaceStatistics().find((space) => space.space_name === "new_space");
      console.log(young.space_size / 1024 / 1024);
    })();`;
  const { outputFiles } = buildSync({ stdin: { contents, resolveDir: __dirname }, bundle: true, platform: "node", write: false });
  return Number(execFileSync(process.execPath, ["-e", outputFiles[0]?.text ?? ""], { encoding: "utf8" }));
}

test("the space for new objects grows, and stays small", () => {
  expect(youngAfterLoad("")).toBeGreaterThan(8);
  expect(youngAfterLoad(`require(${JSON.stringify(limiter)}).limitYoungGeneration(8);`)).toBeLessThanOrEqual(8);
});
