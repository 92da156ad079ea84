import type { JsonValue } from "../../../src/lib/json";
import { createRoomsServer, enc } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;
let roomId: string;
let version: string;
beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
  roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  version = (await alice.post("/room_keys/version", { algorithm: "a", auth_data: {} })).version;
});
afterAll(() => server.close());

const list = <T extends JsonValue>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i));
const record = (length: number, make: (i: number) => readonly [string, JsonValue]): JsonValue =>
  Object.fromEntries(list(length, (i) => make(i) as never));
const session = { first_message_index: 1, forwarded_count: 0, is_verified: true, session_data: { a: "x" } };
const SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0";
const me = (): string => enc(alice.userId);
const signed = (userId: string, deviceId: string): JsonValue => ({
  user_id: userId,
  device_id: deviceId,
  signatures: { [userId]: { "ed25519:x": "a" } },
});
const search = (criteria: object): JsonValue => ({ search_categories: { room_events: criteria as JsonValue } });
const words = "word ".repeat(199);
const operators = "a & | ! <-> :* ' \\ ( ) - \" or -word";

/** What is asked, what for, and what the answer is. */
const requests: readonly [string, () => readonly [string, string, JsonValue?], number, string?][] = [
  [
    "a filter of 100,000 rooms",
    () => ["POST", `/user/${me()}/filter`, { room: { rooms: list(100_000, (i) => `!${i}:x`) } }],
    400,
    "M_BAD_JSON",
  ],
  [
    "a filter of 50,000 wildcards",
    () => ["POST", `/user/${me()}/filter`, { room: { timeline: { types: list(50_000, (i) => `*a${i}*`) } } }],
    400,
    "M_BAD_JSON",
  ],
  [
    "a search in 100,000 rooms",
    () => ["POST", "/search", search({ search_term: "x", filter: { rooms: list(100_000, (i) => `!${i}:x`) } })],
    400,
    "M_BAD_JSON",
  ],
  ["a search for 199 words", () => ["POST", "/search", search({ search_term: words })], 200],
  ["a search for operators", () => ["POST", "/search", search({ search_term: operators.repeat(20) })], 200],
  ["a search for 100,000 words", () => ["POST", "/search", search({ search_term: "word ".repeat(100_000) })], 400, "M_INVALID_PARAM"],
  ["the directory for 250,000 words", () => ["POST", "/user_directory/search", { search_term: "bo b".repeat(250_000) }], 200],
  ["the directory for operators", () => ["POST", "/user_directory/search", { search_term: operators.repeat(20) }], 200],
  ["public rooms for a pattern", () => ["POST", "/publicRooms", { filter: { generic_search_term: "%_a\\".repeat(250_000) } }], 200],
  ["keys of 50,000 users", () => ["POST", "/keys/query", { device_keys: record(50_000, (i) => [`@u${i}:test.local`, []]) }], 200],
  [
    "keys of users on 5,000 servers",
    () => ["POST", "/keys/query", { timeout: 1_000, device_keys: record(5_000, (i) => [`@u:s${i}.invalid`, []]) }],
    200,
  ],
  [
    "one-time keys of 50,000 users",
    () => ["POST", "/keys/claim", { one_time_keys: record(50_000, (i) => [`@u${i}:test.local`, { D: "a" }]) }],
    200,
  ],
  [
    "one-time keys of 50,000 devices",
    () => ["POST", "/keys/claim", { one_time_keys: { [bob.userId]: record(50_000, (i) => [`D${i}`, "a"]) } }],
    200,
  ],
  [
    "one-time keys of users on 5,000 servers",
    () => ["POST", "/keys/claim", { timeout: 1_000, one_time_keys: record(5_000, (i) => [`@u:s${i}.invalid`, { D: "a" }]) }],
    200,
  ],
  [
    "an upload of 5,000 one-time keys",
    () => ["POST", "/keys/upload", { one_time_keys: record(5_000, (i) => [`a:${i}`, "x"]) }],
    400,
    "M_BAD_JSON",
  ],
  ["a one-time key of 100,000 bytes", () => ["POST", "/keys/upload", { one_time_keys: { "a:1": "x".repeat(100_000) } }], 400, "M_BAD_JSON"],
  [
    "signatures on the devices of 20,000 users",
    () => ["POST", "/keys/signatures/upload", record(20_000, (i) => [`@u${i}:test.local`, { D: signed("@u", "D") }])],
    400,
    "M_BAD_JSON",
  ],
  [
    "signatures on 1,000 devices",
    () => ["POST", "/keys/signatures/upload", { [alice.userId]: record(1_000, (i) => [`D${i}`, signed(alice.userId, `D${i}`)]) }],
    200,
  ],
  [
    "messages to devices of 50,000 users",
    () => ["PUT", "/sendToDevice/t/1", { messages: record(50_000, (i) => [`@u${i}:test.local`, { "*": { a: 1 } }]) }],
    200,
  ],
  [
    "messages to 50,000 devices",
    () => ["PUT", "/sendToDevice/t/2", { messages: { [bob.userId]: record(50_000, (i) => [`D${i}`, { a: 1 }]) } }],
    200,
  ],
  [
    "a backup of 20,000 sessions",
    () => [
      "PUT",
      `/room_keys/keys?version=${version}`,
      { rooms: record(2_000, (i) => [`!${i}:x`, { sessions: record(10, (j) => [`s${j}`, session]) }]) },
    ],
    200,
  ],
  [
    "100,000 ignored users",
    () => ["PUT", `/user/${me()}/account_data/m.ignored_user_list`, { ignored_users: record(100_000, (i) => [`@u${i}:x`, {}]) }],
    200,
  ],
  ["no ignored users", () => ["PUT", `/user/${me()}/account_data/m.ignored_user_list`, { ignored_users: {} }], 200],
  ["a profile field of 100,000 bytes", () => ["PUT", `/profile/${me()}/com.example.x`, { "com.example.x": "x".repeat(100_000) }], 400],
  ["a display name of a million letters", () => ["PUT", `/profile/${me()}/displayname`, { displayname: "x".repeat(1_000_000) }], 400],
  ["an event too large", () => ["PUT", `/rooms/${enc(roomId)}/send/m.room.message/1`, { body: "x".repeat(70_000) }], 413, "M_TOO_LARGE"],
  [
    "a rule with 3,000 conditions",
    () => [
      "PUT",
      "/pushrules/global/override/x",
      { actions: ["notify"], conditions: list(3_000, () => ({ kind: "event_match", key: "content.body", pattern: "*a*b" })) },
    ],
    413,
  ],
  [
    "a sliding sync of 300 lists",
    () => ["POST", SLIDING, { lists: record(300, (i) => [`l${i}`, { timeline_limit: 1, required_state: [], ranges: [[0, 9]] }]) }],
    400,
  ],
  [
    "required state of 30,000 kinds",
    () => ["POST", SLIDING, { lists: { a: { timeline_limit: 1, required_state: list(30_000, (i) => [`t${i}`, "*"]), ranges: [[0, 9]] } } }],
    400,
  ],
];

// Not four parameters, for which jest would give a row of three a callback.
test.each(requests)("%s", async (_, request, ...[status, errcode]) => {
  const [method, path, body] = request();
  const large = alice.call(method, path, body);
  // Whoever asks meanwhile gets an answer, however long this takes.
  const meanwhile = await bob.call("GET", "/account/whoami");
  const answer = await large;
  expect([answer.status, meanwhile.status]).toEqual([status, 200]);
  if (errcode !== undefined) expect(answer.body.errcode).toBe(errcode);
  await bob.text(roomId, "still here");
});
