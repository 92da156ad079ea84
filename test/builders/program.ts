import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locked } from "./testServer";

const root = join(__dirname, "..", "..");

/**
 * The path of bin/synapse-ts in a copy of the package that is built from the sources as they are, once for each run: tests that start
 * processes never meet an older build, nor one that somebody else makes meanwhile.
 */
export async function builtProgram(): Promise<string> {
  const run = process.env["SYNAPSE_TS_TEST_DIRECTORY"];
  if (!run) throw new Error("run this with jest: its global setup says where the program goes");
  mkdirSync(run, { recursive: true, mode: 0o755 });
  const copy = join(run, "program");
  const bin = join(copy, "bin", "synapse-ts");
  await locked(run, "program", async () => {
    if (existsSync(join(copy, "ready"))) return;
    mkdirSync(copy, { recursive: true });
    cpSync(join(root, "bin"), join(copy, "bin"), { recursive: true });
    for (const name of ["node_modules", "schemas", "package.json"]) symlinkSync(join(root, name), join(copy, name));
    execFileSync(process.execPath, [join(root, "scripts", "build.js"), join(copy, "dist")], { stdio: "inherit" });
    writeFileSync(join(copy, "ready"), "");
  });
  return bin;
}
