import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../../src/lib/json";
import type { Pdu } from "../../../src/rooms/event";
import { contentHash } from "../../../src/rooms/hashes";
import { redact } from "../../../src/rooms/redact";
import { signedTextOf } from "../../../src/rooms/signing";
import { joinPeer } from "../../builders/peerRoom";
import type { PeerRoom } from "../../builders/peerRoom";
import { enc } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;
let room: PeerRoom;
let roomId: string;
let txns = 0;

beforeAll(async () => {
  f = await createFederated();
  roomId = await f.room("11");
  room = await joinPeer(f.peer, roomId, f.bob, "11");
});
afterAll(() => f.close());

/** fast-check tells the seed of what fails; it goes here to see it again. */
const runs = (numRuns: number): fc.Parameters<unknown> => ({ numRuns, interruptAfterTimeLimit: 30_000, markInterruptAsFailure: false });

const nested = fc.integer({ min: 1, max: 150 }).map((depth) => JSON.parse(`${"[".repeat(depth)}1${"]".repeat(depth)}`) as JsonValue);
const oddNumbers = fc.constantFrom(-1, 0, 2 ** 31, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1.5, 1e300);
const oddTexts = fc.constantFrom(
  "",
  "\u0000",
  "\ud800",
  "x".repeat(300),
  "$",
  "!",
  "@",
  "@bob",
  "m.room.member",
  "__proto__",
  "constructor",
);
const odd = fc.oneof(fc.jsonValue() as fc.Arbitrary<JsonValue>, oddNumbers, oddTexts, nested, fc.constantFrom(null, true, [], {}));

const keys = ["type", "sender", "state_key", "content", "prev_events", "auth_events", "depth", "origin_server_ts", "room_id", "redacts"];
const further = ["hashes", "signatures", "unsigned", "membership", "event_id", "__proto__", "origin"];
const key = fc.constantFrom(...keys, ...further);
const change = fc.oneof(
  fc.record({ key, value: odd }),
  fc.record({ key, value: fc.constant(undefined) }),
  fc.record({
    key: fc.constantFrom("prev_events", "auth_events"),
    value: fc.array(fc.constantFrom("$x", "$y", "one of the room"), { maxLength: 25 }),
  }),
);

const events = fc.constantFrom(
  "m.room.message",
  "m.room.member",
  "m.room.power_levels",
  "m.room.redaction",
  "m.room.join_rules",
  "m.room.topic",
);
const contents = fc.oneof(
  fc.constantFrom<JsonObject>({ membership: "join" }, { membership: "ban" }, { users: {} }, { join_rule: "public" }, { body: "x" }),
  fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<JsonValue>, { maxKeys: 5 }) as fc.Arbitrary<JsonObject>,
);
const draft = fc.record({
  type: events,
  content: contents,
  stateKey: fc.constantFrom(undefined, "", "bob", "alice", "somebody"),
  changes: fc.array(change, { maxLength: 4 }),
  signed: fc.boolean(),
});

type Draft = typeof draft extends fc.Arbitrary<infer T> ? T : never;

/** An event of Bob's with changes in it, with hash and signature as they should be, or as they were before the changes. */
function pduOf({ type, content, stateKey, changes, signed }: Draft): JsonObject {
  const people: Record<string, string> = { bob: f.bob, alice: f.alice.userId, somebody: "@somebody:elsewhere.example" };
  const state = stateKey === undefined ? {} : { stateKey: people[stateKey] ?? stateKey };
  const pdu: Record<string, JsonValue | undefined> = {
    ...room.fork({ type: "m.room.message", sender: f.bob, ...state }).pdu,
    type,
    content,
  };
  for (const { key: changed, value } of changes) {
    const known = Array.isArray(value)
      ? (value as JsonValue[]).map((item) => (item === "one of the room" ? (room.tip[0]?.eventId ?? null) : item))
      : value;
    if (known === undefined) delete pdu[changed];
    else Object.defineProperty(pdu, changed, { value: known, enumerable: true, configurable: true, writable: true });
  }
  return signed ? resigned(pdu as JsonObject) : (pdu as JsonObject);
}

function resigned(pdu: JsonObject): JsonObject {
  try {
    const { signatures: _signatures, hashes: _hashes, ...rest } = pdu;
    const hashed = { ...rest, hashes: { sha256: contentHash(rest as Pdu) } } as unknown as Pdu;
    const signature = f.peer.key.sign(signedTextOf(redact(room.version, hashed)));
    return { ...hashed, signatures: { [f.peer.name]: { [f.peer.key.keyId]: signature } } };
  } catch {
    return pdu;
  }
}

/** What cannot be signed cannot be sent. */
async function send(method: string, path: string, body: JsonObject): Promise<void> {
  let answer;
  try {
    answer = await f.peer.call(method, path, body);
  } catch (error) {
    if (error instanceof TypeError) return;
    throw error;
  }
  expect(answer.status).toBeLessThan(500);
  expect(JSON.stringify(answer.body)).not.toContain("Internal error");
  if (answer.status !== 200) expect(answer.body.errcode).toMatch(/^M_/);
}

/** Whatever came, Alice is where she was, and the room goes on. */
async function expectHealthy(): Promise<void> {
  const { members } = { members: (await f.alice.get(`/rooms/${enc(roomId)}/joined_members`)).joined };
  expect(members).toHaveProperty([f.alice.userId]);
  await f.alice.text(roomId, "still here");
  expect((await f.alice.get("/sync")).rooms.join).toHaveProperty([roomId]);
}

test("events of any form", async () => {
  const transaction = fc.array(draft, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(transaction, async (drafts) => {
      await send("PUT", `/send/f${txns++}`, { origin: f.peer.name, origin_server_ts: 1, pdus: drafts.map(pduOf), edus: [] });
    }),
    runs(150),
  );
  await expectHealthy();
});

test("EDUs of any form", async () => {
  const kinds = ["m.typing", "m.receipt", "m.presence", "m.direct_to_device", "m.device_list_update", "m.signing_key_update"];
  const field = fc.constantFrom(
    "room_id",
    "user_id",
    "typing",
    "push",
    "messages",
    "message_id",
    "sender",
    "type",
    "device_id",
    "stream_id",
    "keys",
  );
  const value = fc.oneof(odd, fc.constantFrom("ROOM", "BOB", "ALICE"));
  const content = fc.oneof(fc.dictionary(field, value, { maxKeys: 8 }), odd);
  const edus = fc.array(fc.record({ edu_type: fc.oneof(fc.constantFrom(...kinds), odd), content }), { maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(edus, async (list) => {
      const names: Record<string, string> = { ROOM: roomId, BOB: f.bob, ALICE: f.alice.userId };
      const text = JSON.stringify(list).replace(/"(ROOM|BOB|ALICE)"/g, (_, name: string) => JSON.stringify(names[name]));
      await send("PUT", `/send/f${txns++}`, { origin: f.peer.name, origin_server_ts: 1, pdus: [], edus: JSON.parse(text) as JsonValue });
    }),
    runs(100),
  );
  await expectHealthy();
});

test("joins, leaves, knocks, invitations and questions of any form", async () => {
  const v2 = "/_matrix/federation/v2";
  const paths = fc.constantFrom(
    ["PUT", `${v2}/send_join/ROOM/$x`],
    ["PUT", `${v2}/send_leave/ROOM/$x`],
    ["PUT", "/send_knock/ROOM/$x"],
    ["PUT", `${v2}/invite/ROOM/$x`],
    ["POST", "/get_missing_events/ROOM"],
    ["POST", "/user/keys/query"],
    ["POST", "/user/keys/claim"],
    ["POST", "/publicRooms"],
  );
  const bodies = fc.oneof(
    draft.map((given) => () => pduOf(given)),
    draft.map((given) => () => ({ event: pduOf(given), room_version: "11", invite_room_state: [] })),
    fc
      .dictionary(fc.constantFrom("earliest_events", "latest_events", "limit", "min_depth", "device_keys", "one_time_keys", "filter"), odd)
      .map((body) => () => body as JsonObject),
  );
  await fc.assert(
    fc.asyncProperty(paths, bodies, async ([method, path], body) => {
      await send(method as string, (path as string).replace("ROOM", enc(roomId)), body());
    }),
    runs(150),
  );
  await expectHealthy();
});
