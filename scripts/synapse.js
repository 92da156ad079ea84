// Installs the Synapse that test/federation talks to, by pip into a virtual environment in the user's cache. SYNAPSE_TS_TEST_SYNAPSE names another.
const { execFileSync } = require("node:child_process");
const { existsSync, mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");

const VERSION = "1.163.2";
const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "synapse-ts", `synapse-${VERSION}`);
const python = join(directory, "bin", "python");
/** Written at the end, so that half an installation is never taken for one. */
const ready = join(directory, "ready");

/** The python of the installation, undefined where there is none. */
const installedSynapse = () => (existsSync(ready) ? python : undefined);

function install() {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const run = (file, ...args) => execFileSync(file, args, { stdio: ["ignore", "ignore", "inherit"] });
  run("python3", "-m", "venv", directory);
  run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", `matrix-synapse==${VERSION}`);
  writeFileSync(ready, "");
}

module.exports = { installedSynapse };

if (require.main === module && !process.env.SYNAPSE_TS_TEST_SYNAPSE && !installedSynapse()) {
  try {
    install();
  } catch (error) {
    process.stderr.write(`Synapse cannot be installed: ${error.message}\n`);
    process.exitCode = 1;
  }
}
