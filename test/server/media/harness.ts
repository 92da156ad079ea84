import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { createRoomsServer } from "../rooms/harness";
import type { RoomsServer } from "../rooms/harness";

export interface MediaServer extends RoomsServer {
  /** Of an account that is logged in. */
  token(name: string): Promise<string>;
  /** A request with any body. Paths are whole. */
  raw(method: string, path: string, options?: RawOptions): Promise<Response>;
  /** Uploads and gives `server/id`. */
  upload(token: string, body: Uint8Array, options?: { type?: string; name?: string }): Promise<string>;
  /** All files of the store, below its root. */
  files(): string[];
  readonly directory: string;
}

export type RequestBody = NonNullable<RequestInit["body"]>;

export interface RawOptions {
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly body?: RequestBody;
}

type Overrides = NonNullable<Parameters<typeof createRoomsServer>[0]>;

export async function createMediaServer(overrides: Overrides = {}): Promise<MediaServer> {
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-media-"));
  const server = await createRoomsServer({ media_store_path: directory, ...overrides });
  const media: MediaServer = {
    ...server,
    directory,
    async token(username) {
      const { body } = await server.call("POST", "/register", { username, password: "sUp3r s3kr1t", auth: { type: "m.login.dummy" } });
      return body.access_token;
    },
    raw: (method, path, { token, headers = {}, body } = {}) =>
      fetch(server.url + path, {
        method,
        headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
        redirect: "manual",
        ...(body !== undefined && { body, duplex: "half" }),
      }),
    async upload(token, body, { type = "text/plain", name } = {}) {
      const query = name === undefined ? "" : `?filename=${encodeURIComponent(name)}`;
      const answer = await media.raw("POST", `/_matrix/media/v3/upload${query}`, {
        token,
        headers: { "content-type": type },
        body: bodyOf(body),
      });
      const { content_uri: uri } = (await answer.json()) as { content_uri: string };
      if (answer.status !== 200) throw new Error(`upload: ${answer.status}`);
      return uri.replace("mxc://", "");
    },
    files: () =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
        .sort(),
    async close() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return media;
}

export const bodyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

export const download = (id: string): string => `/_matrix/client/v1/media/download/${id}`;
export const openDownload = (id: string): string => `/_matrix/media/v3/download/${id}`;
export const thumbnail = (id: string, query: string): string => `/_matrix/client/v1/media/thumbnail/${id}?${query}`;

export function image(width: number, height: number): ReturnType<typeof sharp> {
  return sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 90 } } });
}
