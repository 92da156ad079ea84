import { createHmac } from "node:crypto";
import { testValues } from "./config";
import { eventually } from "./eventually";

/** What servers answer: of any shape, tests know which. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- see above
export type Body = any;

export interface Answer {
  readonly status: number;
  readonly body: Body;
}

/** A logged in user as the client of one process. */
export interface TestClient {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  /** The same user and device at another process, with syncs of its own. */
  on(url: Place): TestClient;
  /** Whoever an answer to a registration or login names, at the same process. */
  as(account: Body): TestClient;
  /** Paths are relative to /_matrix/client/v3, or whole when they start with /_. */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** The body of a call that has to succeed. */
  ok(method: string, path: string, body?: unknown): Promise<Body>;
  createRoom(options?: object): Promise<string>;
  join(roomId: string): Promise<void>;
  /** Sends a text and gives its event id. */
  say(roomId: string, text: string, txnId?: string): Promise<string>;
  /** One sync from where the last one ended. */
  sync(timeoutMs?: number): Promise<Body>;
  /** Syncs until an answer has what is looked for, and gives that. */
  until<T>(find: (sync: Body) => T | undefined): Promise<T>;
  /** Syncs until the event is in a timeline. */
  sees(roomId: string, eventId: string): Promise<void>;
}

/** Of everybody who registers here. */
export const PASSWORD = "sUp3r s3kr1t";
const POLL_MS = 2_000;
let transactions = 0;

/** A process or proxy, or what says of each path at which URL it is asked for, as a proxy does. */
export type Place = string | ((path: string) => string);

export async function request(place: Place, method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
  const whole = path.startsWith("/_") ? path : `/_matrix/client/v3${path}`;
  const response = await fetch(typeof place === "string" ? place + whole : place(whole), {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

/** Registers a user at a place. */
export async function register(url: Place, username: string): Promise<TestClient> {
  const { status, body } = await request(url, "POST", "/register", { username, password: PASSWORD, auth: { type: "m.login.dummy" } });
  if (status !== 200) throw new Error(`${username} cannot register: ${status} ${JSON.stringify(body)}`);
  return clientOf(url, accountOf(body));
}

/** One more session of a user who registered here. */
export async function login(url: Place, userId: string): Promise<TestClient> {
  const identifier = { type: "m.id.user", user: userId };
  const { status, body } = await request(url, "POST", "/login", { type: "m.login.password", identifier, password: PASSWORD });
  if (status !== 200) throw new Error(`${userId} cannot log in: ${status} ${JSON.stringify(body)}`);
  return clientOf(url, accountOf(body));
}

/** Registers an administrator with the shared secret of the tests. */
export async function registerAdmin(url: Place, username: string): Promise<TestClient> {
  const path = "/_synapse/admin/v1/register";
  const { nonce } = (await request(url, "GET", path)).body;
  const mac = createHmac("sha1", testValues.registration_shared_secret ?? "")
    .update([nonce, username, PASSWORD, "admin"].join("\0"))
    .digest("hex");
  const { status, body } = await request(url, "POST", path, { nonce, username, password: PASSWORD, admin: true, mac });
  if (status !== 200) throw new Error(`${username} cannot register: ${status} ${JSON.stringify(body)}`);
  return clientOf(url, accountOf(body));
}

const accountOf = (body: Body): Account => ({ userId: body.user_id, deviceId: body.device_id, token: body.access_token });

type Account = Pick<TestClient, "userId" | "deviceId" | "token">;

function clientOf(url: Place, account: Account): TestClient {
  let since: string | undefined;
  const client: TestClient = {
    ...account,
    on: (other) => clientOf(other, account),
    as: (body) => clientOf(url, accountOf(body)),
    call: (method, path, body) => request(url, method, path, body, account.token),
    async ok(method, path, body) {
      const answer = await client.call(method, path, body);
      if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    createRoom: async (options = {}) => (await client.ok("POST", "/createRoom", options)).room_id,
    join: (roomId) => client.ok("POST", `/join/${encodeURIComponent(roomId)}`, {}),
    async say(roomId, text, txnId = `t${++transactions}`) {
      const path = `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${encodeURIComponent(txnId)}`;
      return (await client.ok("PUT", path, { msgtype: "m.text", body: text })).event_id;
    },
    async sync(timeoutMs = 0) {
      const query = new URLSearchParams({ timeout: String(timeoutMs), ...(since !== undefined && { since }) });
      const answer = await client.ok("GET", `/sync?${query.toString()}`);
      since = answer.next_batch;
      return answer;
    },
    async until(find) {
      let found: ReturnType<typeof find>;
      await eventually(async () => {
        found = find(await client.sync(since === undefined ? 0 : POLL_MS));
        return found !== undefined;
      }, 40_000);
      return found as Exclude<typeof found, undefined>;
    },
    async sees(roomId, eventId) {
      await client.until((sync) => timelineOf(sync, roomId).find((event: Body) => event.event_id === eventId));
    },
  };
  return client;
}

/** The events that a sync brought of a joined room. */
export function timelineOf(sync: Body, roomId: string): Body[] {
  return sync.rooms?.join?.[roomId]?.timeline.events ?? [];
}

/** All messages of a room, oldest first, by paging back through it. */
export async function history(client: TestClient, roomId: string): Promise<Body[]> {
  const events: Body[] = [];
  let from: string | undefined;
  do {
    const query = new URLSearchParams({ dir: "b", limit: "100", ...(from !== undefined && { from }) });
    const page = await client.ok("GET", `/rooms/${encodeURIComponent(roomId)}/messages?${query.toString()}`);
    events.push(...page.chunk);
    from = page.end;
  } while (from !== undefined);
  return events.reverse();
}
