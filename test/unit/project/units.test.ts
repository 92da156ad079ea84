import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./source";

const units = join(root, "examples", "systemd");
// There is nobody else who knows what systemd makes of a unit.
const given = spawnSync("systemd-analyze", ["--version"]).status === 0 ? test : test.skip;

/** What systemd says of units; nothing where they are right. It looks whether the program is there, so another takes its place. */
function complaints(change: (text: string) => string = (text) => text): string {
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-units-"));
  const names = readdirSync(units);
  for (const name of names) {
    const text = readFileSync(join(units, name), "utf8").replaceAll("/usr/bin/synapse-ts", process.execPath);
    writeFileSync(join(folder, name), change(text));
  }
  const files = names.map((name) => join(folder, name.replace("@.", "@worker1.")));
  const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...files], {
    env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
    encoding: "utf8",
  });
  return stdout + stderr;
}

given("systemd accepts the units of the examples", () => {
  expect(complaints()).toBe("");
});

given("systemd would say what is wrong with them", () => {
  expect(complaints((text) => text.replace("Restart=always", "Restart=perhaps"))).toMatch(/Failed to parse service restart specifier/);
});
