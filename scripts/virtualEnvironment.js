const { execFileSync } = require("node:child_process");
const { existsSync, mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");

/** Packages of pip, in a virtual environment in the user's cache. The name has to change when the packages do. */
function virtualEnvironment(name, packages) {
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "synapse-ts", name);
  const python = join(directory, "bin", "python");
  /** Written at the end, so that half an installation is never taken for one. */
  const ready = join(directory, "ready");

  /** The python of the installation, undefined where there is none. */
  const installed = () => (existsSync(ready) ? python : undefined);

  function install() {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const run = (file, ...args) => execFileSync(file, args, { stdio: ["ignore", "ignore", "inherit"] });
    run("python3", "-m", "venv", directory);
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages);
    writeFileSync(ready, "");
  }

  /** Installs them unless they are; where that fails it says so, and the process will have failed. */
  function ensure() {
    if (installed()) return;
    try {
      install();
    } catch (error) {
      process.stderr.write(`${name} cannot be installed: ${error.message}\n`);
      process.exitCode = 1;
    }
  }
  return { installed, ensure };
}

module.exports = { virtualEnvironment };
