// Transpiles src/ to dist/ or the folder named, one file per module, and copies what is read at run time.
const { buildSync } = require("esbuild");
const { cpSync, readdirSync, rmSync } = require("node:fs");
const { join, resolve } = require("node:path");

const root = join(__dirname, "..");
const outdir = resolve(process.argv[2] ?? join(root, "dist"));
const sources = readdirSync(join(root, "src"), { recursive: true })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join(root, "src", file));

rmSync(outdir, { recursive: true, force: true });
buildSync({
  entryPoints: sources,
  outdir,
  outbase: join(root, "src"),
  format: "cjs",
  platform: "node",
  target: "node20",
  // import("./x") stays a require: the files are CommonJS and name each other without extensions
  supported: { "dynamic-import": false },
  sourcemap: true,
  logLevel: "warning",
});
cpSync(join(root, "src", "storage", "migrations"), join(outdir, "storage", "migrations"), { recursive: true });

// What the embedded database needs besides its package is made now: whoever starts the server may not be allowed to write there.
try {
  require(join(outdir, "storage", "embeddedBinaries.js")).locateBinaries();
} catch {
  // Not installed, or built to a place without packages: a configured database needs none of it.
}
