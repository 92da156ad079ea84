import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "../../../src/lib/json";
import { signJson, signingKeyFromSeed } from "../../../src/rooms/signing";
import type { OwnSigningKey } from "../../../src/rooms/signing";

/** An identity server as the specification has it, with what a test wants to know. */
export interface IdentityServer {
  readonly name: string;
  /** Address -> user. */
  readonly bindings: Map<string, string>;
  /** What was asked to be stored, oldest first. */
  readonly stored: JsonObject[];
  /** `signed` for an invitation, as it is sent when its address is bound. */
  sign(token: string, mxid: string, more?: JsonObject): JsonObject;
  /** From now on another key signs; the old one is revoked. */
  rotate(): void;
  close(): Promise<void>;
}

const PEPPER = "pepper";

export async function createIdentityServer(): Promise<IdentityServer> {
  const directory = mkdtempSync(join(tmpdir(), "identity-"));
  const [keyFile, certFile] = [join(directory, "key"), join(directory, "crt")];
  const subject = ["-subj", "/CN=localhost", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject, "-keyout", keyFile, "-out", certFile], {
    stdio: "ignore",
  });
  const newKey = (): OwnSigningKey => signingKeyFromSeed("identity", "ed25519:0", randomBytes(32));
  let key = newKey();
  const bindings = new Map<string, string>();
  const stored: JsonObject[] = [];

  function answer(path: string, query: URLSearchParams, body: JsonObject): JsonObject {
    if (path.endsWith("/hash_details")) return { lookup_pepper: PEPPER, algorithms: ["sha256"] };
    if (path.endsWith("/pubkey/isvalid")) return { valid: query.get("public_key") === key.publicKey };
    if (path.endsWith("/lookup")) {
      const hashes = new Map(
        [...bindings].map(([address, user]) => [createHash("sha256").update(`${address} email ${PEPPER}`).digest("base64url"), user]),
      );
      const wanted = body["addresses"] as string[];
      return { mappings: Object.fromEntries(wanted.flatMap((hash) => (hashes.has(hash) ? [[hash, hashes.get(hash)]] : []))) };
    }
    stored.push(body);
    const keys = [{ public_key: key.publicKey, key_validity_url: `https://${name}/_matrix/identity/v2/pubkey/isvalid` }];
    return { token: `token${stored.length}`, display_name: "Bob...", public_keys: keys };
  }

  function play(request: IncomingMessage, response: ServerResponse): void {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "https://localhost");
      const isOpen = url.pathname.endsWith("/isvalid") || request.headers.authorization === "Bearer secret";
      response.writeHead(isOpen ? 200 : 401, { "Content-Type": "application/json" });
      response.end(
        JSON.stringify(
          isOpen ? answer(url.pathname, url.searchParams, text ? JSON.parse(text) : {}) : { errcode: "M_UNAUTHORIZED", error: "no" },
        ),
      );
    });
  }

  const https = createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, play);
  await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
  const name = `127.0.0.1:${(https.address() as AddressInfo).port}`;
  return {
    name,
    bindings,
    stored,
    sign: (token, mxid, more = {}) => signJson({ token, mxid, ...more }, key),
    rotate: () => void (key = newKey()),
    async close() {
      https.closeAllConnections();
      await new Promise((resolve) => https.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}
