import { buildSync } from "esbuild";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type * as MatrixSdk from "matrix-js-sdk";
import type * as CryptoApi from "matrix-js-sdk/lib/crypto-api";
import type * as SlidingSyncModule from "matrix-js-sdk/lib/sliding-sync";
import { locked } from "../builders/testServer";

/**
 * The time limits of its requests outlive them, and would keep jest waiting. It tells a lot: SYNAPSE_TS_TEST_LOG lets it. Before it backs
 * keys up it waits for a time that it draws, of 10 s at most, so that not all clients come at once.
 */
const banner = `
const setTimeout = (...args) => globalThis.setTimeout(...args).unref();
const setInterval = (...args) => globalThis.setInterval(...args).unref();
const Math = Object.create(globalThis.Math, { random: { value: () => globalThis.Math.random() / 20 } });
const console = process.env.SYNAPSE_TS_TEST_LOG ? globalThis.console : new Proxy({}, { get: () => () => undefined });
`;

/** What the package gives to who imports it, and to who knows its parts. */
export type Sdk = typeof MatrixSdk & Pick<typeof SlidingSyncModule, "SlidingSync"> & { readonly cryptoApi: typeof CryptoApi };

const contents = `
export * from "matrix-js-sdk";
export * as cryptoApi from "matrix-js-sdk/lib/crypto-api/index.js";
export { SlidingSync } from "matrix-js-sdk/lib/sliding-sync.js";
`;

/**
 * matrix-js-sdk as it is published. It consists of ES modules, which jest takes only behind a flag, so it is put into one CommonJS file
 * first, once for each run. The CommonJS of its encryption goes with it, which looks for the WebAssembly beside itself.
 */
export async function loadSdk(): Promise<Sdk> {
  const run = process.env["SYNAPSE_TS_TEST_DIRECTORY"];
  if (!run) throw new Error("run this with jest: its global setup says where the file goes");
  const file = join(run, "matrix-js-sdk.cjs");
  mkdirSync(run, { recursive: true, mode: 0o755 });
  await locked(run, "matrix-js-sdk", () => {
    if (!existsSync(file)) bundle(file);
    return Promise.resolve();
  });
  return require(file) as Sdk;
}

function bundle(outfile: string): void {
  const crypto = require.resolve("@matrix-org/matrix-sdk-crypto-wasm");
  buildSync({
    stdin: { contents, resolveDir: __dirname },
    outfile,
    banner: { js: banner },
    alias: { "@matrix-org/matrix-sdk-crypto-wasm": crypto },
    bundle: true,
    format: "cjs",
    platform: "node",
    logLevel: "error",
  });
  symlinkSync(join(dirname(crypto), "pkg"), join(dirname(outfile), "pkg"));
}
