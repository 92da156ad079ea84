import { allGroups } from "../../../src/rest/registry";
import { createListeners } from "../../../src/server/http/listeners";
import { createTestApp, quietLog } from "../../builders/app";
import type { TestApp } from "../../builders/app";

export interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read answers of any shape
  readonly body: any;
}

/** A logged in client. Paths are relative to /_matrix/client/v3, or whole when they start with /_. */
export interface Client {
  readonly userId: string;
  readonly token: string;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** The body of an answer that must be 200. */
  get(path: string): Promise<Answer["body"]>;
  post(path: string, body?: unknown): Promise<Answer["body"]>;
  put(path: string, body?: unknown): Promise<Answer["body"]>;
  createRoom(body?: unknown): Promise<string>;
  /** Sends an event and gives its id. */
  send(roomId: string, content: unknown, type?: string): Promise<string>;
  text(roomId: string, body: string): Promise<string>;
  setState(roomId: string, type: string, content: unknown, stateKey?: string): Promise<string>;
}

export interface RoomsServer {
  readonly app: TestApp["app"];
  readonly url: string;
  client(name: string): Promise<Client>;
  guest(): Promise<Client>;
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  close(): Promise<void>;
}

export const enc = encodeURIComponent;
export const roomPath = (roomId: string): string => `/rooms/${enc(roomId)}`;
export const v1 = (path: string): string => `/_matrix/client/v1${path}`;

/** All routes of a server over a database of its own. */
export async function createRoomsServer(overrides: Parameters<typeof createTestApp>[0] = {}): Promise<RoomsServer> {
  const test = await createTestApp({
    enable_registration: true,
    enable_registration_without_verification: true,
    allow_guest_access: true,
    ...overrides,
  });
  const listeners = createListeners({
    app: test.app,
    listeners: [
      {
        port: 0,
        bind_addresses: ["127.0.0.1"],
        type: "http",
        tls: false,
        x_forwarded: false,
        resources: [{ names: ["client", "consent", "federation"], compress: false }],
        additional_resources: {},
      },
    ],
    groups: allGroups,
    log: quietLog,
    metrics: test.app.metrics,
  });
  await listeners.open();
  const [url = ""] = listeners.addresses();
  let txn = 0;

  async function call(method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
    const response = await fetch(path.startsWith("/_") ? url + path : `${url}/_matrix/client/v3${path}`, {
      method,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  function clientOf(userId: string, token: string): Client {
    const must = async (method: string, path: string, body?: unknown): Promise<Answer["body"]> => {
      const answer = await call(method, path, body, token);
      if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    };
    const client: Client = {
      userId,
      token,
      call: (method, path, body) => call(method, path, body, token),
      get: (path) => must("GET", path),
      post: (path, body = {}) => must("POST", path, body),
      put: (path, body = {}) => must("PUT", path, body),
      createRoom: async (body = {}) => (await must("POST", "/createRoom", body)).room_id,
      send: async (roomId, content, type = "m.room.message") =>
        (await must("PUT", `${roomPath(roomId)}/send/${type}/${txn++}`, content)).event_id,
      text: (roomId, body) => client.send(roomId, { msgtype: "m.text", body }),
      setState: async (roomId, type, content, stateKey = "") =>
        (await must("PUT", `${roomPath(roomId)}/state/${type}/${enc(stateKey)}`, content)).event_id,
    };
    return client;
  }

  async function register(body: unknown, query = ""): Promise<Client> {
    const answer = await call("POST", `/register${query}`, body);
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return clientOf(answer.body.user_id, answer.body.access_token);
  }

  return {
    app: test.app,
    url,
    call,
    client: (username) => register({ username, password: "sUp3r s3kr1t", auth: { type: "m.login.dummy" } }),
    guest: () => register({}, "?kind=guest"),
    async close() {
      await listeners.close(100);
      await test.close();
    },
  };
}
