import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The size in MiB of the space for new objects, after a process kept many of them for a while. */
function youngAfterLoad(before: string): number {
  const code = `${before}
    const kept = [];
    let rounds = 0;
    (function round() {
      for (let i = 0; i < 20000; i++) kept[(rounds * 20000 + i) % 400000] = { i, text: "x" + i };
      if (++rounds < 200) return setImmediate(round);
      const young = require("v8").getHeapSpaceStatistics().find((space) => space.space_name === "new_space");
      console.log(young.space_size / 1024 / 1024);
    })();`;
  return Number(execFileSync(process.execPath, ["-e", code], { cwd: join(__dirname, "..", "..", "bin"), encoding: "utf8" }));
}

test("the space for new objects grows, and stays small", () => {
  expect(youngAfterLoad("")).toBeGreaterThan(8);
  expect(youngAfterLoad(`require("./heap").limitYoungGeneration();`)).toBeLessThanOrEqual(8);
});
