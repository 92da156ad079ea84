import { randomBytes } from "node:crypto";
import { canonicalJson } from "../../../src/lib/canonicalJson";
import type { JsonObject } from "../../../src/lib/json";
import { signingKeyFromSeed } from "../../../src/rooms/signing";
import { eventually } from "../../builders/eventually";
import { joinPeer } from "../../builders/peerRoom";
import type { PeerRoom } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;
let roomId: string;
let room: PeerRoom;

beforeAll(async () => {
  f = await createFederated();
});
afterAll(() => f.close());
beforeEach(async () => {
  roomId = await f.room();
  room = await joinPeer(f.peer, roomId, f.bob);
});

let txns = 0;
const said = (body: string) => ({ sender: f.bob, content: { msgtype: "m.text", body } });
const transaction = (pdus: unknown[], edus: unknown[] = []): JsonObject => ({ origin: f.peer.name, pdus, edus }) as JsonObject;
const send = (body: JsonObject, options: Parameters<Federated["peer"]["call"]>[3] = {}) =>
  f.peer.call("PUT", `/send/h${txns++}`, body, options);
/** After whatever was sent, the room goes on. */
async function expectHealthy(...texts: string[]): Promise<void> {
  await room.send(room.make(said("fine")));
  expect(await f.texts(roomId)).toEqual([...texts, "fine"]);
}

test("requests that are not signed by their origin, for us, and as they are, are refused", async () => {
  const forged = signingKeyFromSeed(f.peer.name, f.peer.key.keyId, randomBytes(32));
  expect((await send(transaction([]), { key: forged })).status).toBe(401);
  expect((await send(transaction([]), { destination: "elsewhere.example" })).status).toBe(401);
  expect((await send(transaction([]), { text: canonicalJson(transaction([], [{}])) })).status).toBe(401);
  expect((await send(transaction([]), { origin: "127.0.0.1:1" })).status).toBe(401);
  expect((await send({ ...transaction([]), origin: "elsewhere.example" })).status).toBe(400);
});

test("events with a forged signature, or of users of other servers, are not taken", async () => {
  const event = room.fork(said("forged"));
  const signature = signingKeyFromSeed(f.peer.name, "ed25519:x", randomBytes(32)).sign("x");
  const forged = { ...event.pdu, signatures: { [f.peer.name]: { [f.peer.key.keyId]: signature } } };
  const result = await send(transaction([forged]));
  expect(result.body.pdus[event.eventId].error).toMatch(/no valid signature/);
  const foreign = room.fork({ ...said("in the name of alice"), sender: f.alice.userId });
  expect((await send(transaction([foreign.pdu]))).body.pdus[foreign.eventId].error).toMatch(/no valid signature of test.local/);
  await expectHealthy();
});

test("changed content is redacted, as its hash does not match", async () => {
  const event = room.make(said("true"));
  await send(transaction([{ ...event.pdu, content: { msgtype: "m.text", body: "false" } }]));
  const shown = await f.alice.get(`${roomPath(roomId)}/event/${enc(event.eventId)}`);
  expect(shown.content).toEqual({});
});

test("a transaction that comes again changes nothing, whatever is in it", async () => {
  const [first, second] = [room.make(said("first")), room.make(said("second"))];
  const answer = await f.peer.call("PUT", "/send/replayed", transaction([first.pdu]));
  expect((await f.peer.call("PUT", "/send/replayed", transaction([second.pdu]))).body).toEqual(answer.body);
  expect(await f.texts(roomId)).toEqual(["first"]);
});

test("transactions have their limits", async () => {
  const { pdu } = room.fork(said("many"));
  expect((await send(transaction(new Array(51).fill(pdu)))).status).toBe(400);
  expect((await send(transaction([], new Array(101).fill({ edu_type: "m.typing", content: {} })))).status).toBe(400);
  expect((await send({ origin: f.peer.name, pdus: { 1: pdu } } as JsonObject)).status).toBe(400);
});

test("power levels that nobody had the power to set are worth nothing, even where the room's auth chain is said to hold them", async () => {
  const create = room.state.get("m.room.create\u0000");
  const member = room.state.get(`m.room.member\u0000${f.bob}`);
  const real = room.state.get("m.room.power_levels\u0000");
  if (!create || !member || !real) throw new Error("the room has no state");
  const forged = room.fork({ type: "m.room.power_levels", sender: f.bob, stateKey: "", content: { users: { [f.bob]: 100 } } });
  const coup = room.fork({ type: "m.room.name", sender: f.bob, stateKey: "", content: { name: "mine" }, auth: [create, forged, member] });
  f.peer.answer(`GET /_matrix/federation/v1/event_auth/${roomId}`, () => ({
    auth_chain: [create, real, member, forged].map(({ pdu }) => pdu),
  }));
  await send(transaction([coup.pdu]));
  const work = () => f.server.app.db`select event_id as id, rejected from events where event_id in (${forged.eventId}, ${coup.eventId})`;
  await eventually(async () => (await work()).length === 2);
  expect((await work()).every(({ rejected }) => typeof rejected === "string")).toBe(true);
  expect((await f.alice.call("GET", `${roomPath(roomId)}/state/m.room.name/`)).status).toBe(404);
  await expectHealthy();
});

test("events that cite what is no event of the room are not taken", async () => {
  const otherId = await f.room();
  const other = await joinPeer(f.peer, otherId, f.bob);
  const mixed = room.fork({ ...said("mixed"), auth: [...other.state.values()].filter(({ type }) => type === "m.room.create") });
  await send(transaction([mixed.pdu]));
  const lost = room.fork({ ...said("lost"), prev: [other.fork(said("nowhere"))] });
  expect((await send(transaction([lost.pdu]))).body.pdus).toEqual({ [lost.eventId]: {} });
  await expectHealthy();
});

test("numbers out of range, deep, large and odd JSON", async () => {
  const huge = room.fork(said("x".repeat(70_000)));
  const crowd = room.fork({ ...said("crowd"), prev: new Array(21).fill(room.tip[0]) });
  const odd: unknown[] = [{ ...huge.pdu }, { ...crowd.pdu }, null, 1, [], "x", {}, { room_id: roomId }, { room_id: 7 }];
  expect((await send(transaction(odd))).body).toEqual({ pdus: {} });

  const { eventId, pdu } = room.fork(said("numbers"));
  for (const content of ['{"n":1.5}', '{"n":1e400}', '{"n":9007199254740993}', '{"n":-0}']) {
    const body = canonicalJson(transaction([{ ...pdu, content: "C" }])).replace('"C"', content);
    expect(await send(transaction([]), { content: body })).toMatchObject({ status: 200, body: { pdus: {} } });
  }
  // nobody signs what has a key twice: of two the last counts, and the signature was made for the other
  const twice = canonicalJson(transaction([pdu])).replace('"depth":', '"depth":1,"depth":');
  expect((await send(transaction([pdu]), { text: twice })).body.pdus).toEqual({ [eventId]: {} });
  const changed = canonicalJson(transaction([pdu])).replace('"type":', '"type":"m.room.name","type":');
  expect((await send(transaction([]), { content: changed })).status).toBe(401);
  expect(await f.texts(roomId)).toEqual(["numbers"]);
  const deep = `{"edus":[],"origin":"x","pdus":[${"[".repeat(10_000)}${"]".repeat(10_000)}]}`;
  expect((await send(transaction([]), { text: deep })).status).toBe(400);

  const proto = room.make({ sender: f.bob, content: JSON.parse('{"msgtype":"m.text","body":"proto","__proto__":{"x":1}}') as JsonObject });
  await room.send(proto);
  await expectHealthy("numbers", "proto");
});

test("a server that the room shuts out is not heard, nor told anything", async () => {
  await f.alice.setState(roomId, "m.room.server_acl", { allow: ["*"], deny: ["127.0.0.1*"], allow_ip_literals: false });
  const event = room.fork(said("banned"));
  expect((await send(transaction([event.pdu]))).body.pdus[event.eventId].error).toMatch(/banned/);
  const typing = { edu_type: "m.typing", content: { room_id: roomId, user_id: f.bob, typing: true } };
  await send(transaction([], [typing]));
  const sync = await f.alice.get("/sync");
  expect(JSON.stringify(sync.rooms.join[roomId].ephemeral)).not.toContain(f.bob);
  for (const path of ["state_ids", "event_auth", "backfill"]) {
    const rest = path === "event_auth" ? `/${enc(event.eventId)}` : `?event_id=${enc(event.eventId)}&v=x&limit=1`;
    expect((await f.peer.call("GET", `/${path}/${enc(roomId)}${rest}`)).status).toBe(403);
  }
});
