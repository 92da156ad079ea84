// Everything that has to hold: types, lint, format, build, all tests. Arguments go to jest. The last line is `N passed, N failed`.
const { spawn } = require("node:child_process");
const { mkdtempSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const root = join(__dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "synapse-ts-check-"));
const tool = (path) => join(root, "node_modules", ...path.split("/"));
let current = new Set();

/** Runs a program of node. Its output is shown at once, or only when it fails. */
function run(name, args, { isQuiet = false } = {}) {
  const started = Date.now();
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", isQuiet ? "pipe" : "inherit", isQuiet ? "pipe" : "inherit"] });
  current.add(child);
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => output.push(chunk));
  return new Promise((resolve) => {
    child.on("close", (code) => {
      current.delete(child);
      if (code !== 0) process.stdout.write(Buffer.concat(output));
      process.stdout.write(`${name}: ${code === 0 ? "ok" : "FAILED"} (${Math.round((Date.now() - started) / 1000)} s)\n`);
      resolve(code === 0);
    });
  });
}

function readResults(file) {
  try {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(file, "utf8"));
    return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

async function main() {
  const foreign = Promise.all([
    run("synapse", [join(__dirname, "synapse.js")]),
    run("clients in Python", [join(__dirname, "pythonClients.js")]),
  ]);
  const checks = await Promise.all([
    run("types", [tool("typescript/bin/tsc"), "--noEmit", "-p", "tsconfig.json"], { isQuiet: true }),
    run("lint", [tool("eslint/bin/eslint.js"), "."], { isQuiet: true }),
    run("format", [tool("prettier/bin/prettier.cjs"), "--check", "--log-level", "warn", "src", "test", "scripts"], { isQuiet: true }),
    run("build", [join(__dirname, "build.js")], { isQuiet: true }),
  ]);
  // without them the tests that want them are skipped, and say so
  await foreign;
  const results = join(scratch, "results.json");
  const isGreen = await run("tests", [tool("jest/bin/jest.js"), "--ci", "--json", `--outputFile=${results}`, ...process.argv.slice(2)]);
  const { passed, failed } = readResults(results);
  const broken = checks.filter((ok) => !ok).length;
  process.exitCode = isGreen && broken === 0 ? 0 : 1;
  process.stdout.write(`${passed} passed, ${isGreen ? broken : Math.max(failed, 1) + broken} failed\n`);
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const child of current) child.kill(signal);
    process.exitCode = 1;
  });
}
main().finally(() => rmSync(scratch, { recursive: true, force: true }));
