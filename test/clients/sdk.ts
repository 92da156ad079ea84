import { buildSync } from "esbuild";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type * as Sdk from "matrix-js-sdk";
import { locked } from "../builders/testServer";

/** The time limits of its requests outlive them, and would keep jest waiting. It tells a lot: SYNAPSE_TS_TEST_LOG lets it. */
const banner = `
const setTimeout = (...args) => globalThis.setTimeout(...args).unref();
const console = process.env.SYNAPSE_TS_TEST_LOG ? globalThis.console : new Proxy({}, { get: () => () => undefined });
`;

/**
 * matrix-js-sdk as it is published. It consists of ES modules, which jest takes only behind a flag, so it is put into one CommonJS file
 * first, once for each run. Encryption is not driven from here: its WebAssembly stays outside.
 */
export async function loadSdk(): Promise<typeof Sdk> {
  const run = process.env["SYNAPSE_TS_TEST_DIRECTORY"];
  if (!run) throw new Error("run this with jest: its global setup says where the file goes");
  const file = join(run, "matrix-js-sdk.cjs");
  mkdirSync(run, { recursive: true, mode: 0o755 });
  await locked(run, "matrix-js-sdk", () => {
    if (!existsSync(file)) bundle(file);
    return Promise.resolve();
  });
  return require(file) as typeof Sdk;
}

function bundle(outfile: string): void {
  buildSync({
    entryPoints: [require.resolve("matrix-js-sdk")],
    outfile,
    banner: { js: banner },
    external: ["@matrix-org/matrix-sdk-crypto-wasm"],
    bundle: true,
    format: "cjs",
    platform: "node",
    logLevel: "error",
  });
}
