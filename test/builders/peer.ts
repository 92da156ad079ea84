import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { canonicalJson } from "../../src/lib/canonicalJson";
import type { JsonObject } from "../../src/lib/json";
import { requestText } from "../../src/remote/federationClient";
import { signJson, signingKeyFromSeed } from "../../src/rooms/signing";
import type { OwnSigningKey } from "../../src/rooms/signing";
import { selfSigned } from "./selfSigned";

/** What our server asked of the peer. */
export interface PeerRequest {
  readonly method: string;
  /** Decoded, without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies of any shape
  readonly body: any;
}

export interface PeerAnswer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read answers of any shape
  readonly body: any;
}

export interface CallOptions {
  /** Signs with this key, whatever it is called. */
  readonly key?: OwnSigningKey;
  readonly origin?: string;
  readonly destination?: string;
  /** Sent in place of the body that is signed. */
  readonly text?: string;
  /** Signed as it stands, and sent so unless there is a text, in place of the canonical form of the body. */
  readonly content?: string;
}

/** Another homeserver, played by the test: it has a name, a key that it publishes, and answers what the test tells it to. */
export interface Peer {
  readonly name: string;
  readonly key: OwnSigningKey;
  /** All that was asked but for keys, oldest first. */
  readonly requests: PeerRequest[];
  user(localpart: string): string;
  /** Answers requests whose method and decoded path begin so; the last one told counts. Others get 404 M_UNRECOGNIZED. */
  answer(methodAndPath: string, make: (request: PeerRequest) => PeerAnswer["body"] | Promise<PeerAnswer["body"]>): void;
  /** Answers such requests with status 200 and whatever is written, for as long as it is. */
  stream(methodAndPath: string, write: (response: ServerResponse) => void): void;
  /** A signed request to a server of ours. Paths are whole, or relative to /_matrix/federation/v1. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<PeerAnswer>;
  close(): Promise<void>;
}

/** Keys of the configuration with which our server talks to peers. */
export const peerConfig = {
  federation_verify_certificates: false,
  federation_ip_range_blacklist: [],
  ip_range_blacklist: [],
  federation: { max_short_retries: 0, max_long_retries: 0 },
};

export async function createPeer(target: { readonly url: string; readonly serverName: string }): Promise<Peer> {
  const requests: PeerRequest[] = [];
  const streams: { begins: string; write: (response: ServerResponse) => void }[] = [];
  const answers: { begins: string; make: (request: PeerRequest) => unknown }[] = [];
  const https = createServer(selfSigned(), (request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => void play(request, response, text));
  });
  await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
  const name = `127.0.0.1:${(https.address() as AddressInfo).port}`;
  const key = signingKeyFromSeed(name, "ed25519:peer", randomBytes(32));

  async function play(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
    const url = new URL(request.url ?? "/", "https://localhost");
    const asked = {
      method: request.method ?? "",
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      body: text === "" ? undefined : JSON.parse(text),
    };
    const isKeys = asked.path.startsWith("/_matrix/key/v2/server");
    if (!isKeys) requests.push(asked);
    const streamed = streams.findLast(({ begins }) => `${asked.method} ${asked.path}`.startsWith(begins));
    if (streamed) return streamed.write(response.writeHead(200, { "Content-Type": "application/json" }));
    const found = answers.findLast(({ begins }) => `${asked.method} ${asked.path}`.startsWith(begins));
    const body = isKeys ? keyDocument(name, key) : found && (await found.make(asked));
    response.writeHead(body === undefined ? 404 : 200, { "Content-Type": "application/json" });
    response.end(body === undefined ? '{"errcode":"M_UNRECOGNIZED"}' : JSON.stringify(body));
  }

  async function call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<PeerAnswer> {
    const uri = path.startsWith("/_") ? path : `/_matrix/federation/v1${path}`;
    const content = options.content ?? (body === undefined ? undefined : canonicalJson(body as JsonObject));
    const { origin = name, destination = target.serverName } = options;
    const signer = options.key ?? key;
    const signature = signer.sign(requestText({ method, uri, origin, destination, content }));
    const response = await fetch(target.url + uri, {
      method,
      headers: { authorization: `X-Matrix origin="${origin}",destination="${destination}",key="${signer.keyId}",sig="${signature}"` },
      ...(content !== undefined && { body: options.text ?? content }),
    });
    return { status: response.status, body: await response.json() };
  }

  return {
    name,
    key,
    requests,
    user: (localpart) => `@${localpart}:${name}`,
    answer: (begins, make) => void answers.push({ begins, make }),
    stream: (begins, write) => void streams.push({ begins, write }),
    call,
    async close() {
      https.closeAllConnections();
      await new Promise((resolve) => https.close(resolve));
    },
  };
}

function keyDocument(name: string, key: OwnSigningKey): JsonObject {
  const validUntil = Date.now() + 24 * 3_600_000;
  return signJson({ server_name: name, valid_until_ts: validUntil, verify_keys: { [key.keyId]: { key: key.publicKey } } }, key);
}
