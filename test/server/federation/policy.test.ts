import { randomBytes } from "node:crypto";
import type { JsonObject } from "../../../src/lib/json";
import { readPdu } from "../../../src/rooms/readPdu";
import { signaturesBy, signingKeyFromSeed } from "../../../src/rooms/signing";
import { joinPeer } from "../../builders/peerRoom";
import type { PeerRoom } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;
let roomId: string;
let room: PeerRoom;
const asked: string[] = [];
const key = () => signingKeyFromSeed(f.peer.name, "ed25519:policy_server", seed);
const seed = randomBytes(32);
/** What the policy server answers; it does not want spam. */
function sign(body: JsonObject): JsonObject | undefined {
  const received = readPdu(room.version, body);
  if ("fault" in received) throw new Error(received.fault.message);
  asked.push(received.event.eventId);
  if (JSON.stringify(body["content"]).includes("spam")) return undefined;
  return { [f.peer.name]: { "ed25519:policy_server": key().sign(received.signingText) } };
}

beforeAll(async () => {
  f = await createFederated();
  f.peer.answer("POST /_matrix/policy/v1/sign", ({ body }) => sign(body));
});
afterAll(() => f.close());
beforeEach(async () => {
  roomId = await f.room("11");
  room = await joinPeer(f.peer, roomId, f.bob, "11");
  await f.alice.setState(roomId, "m.room.policy", { via: f.peer.name, public_keys: { ed25519: key().publicKey } });
  asked.length = 0;
});

const send = (body: string, txnId: string) =>
  f.alice.call("PUT", `${roomPath(roomId)}/send/m.room.message/${txnId}`, { msgtype: "m.text", body });
const said = (body: string) => ({ sender: f.bob, content: { msgtype: "m.text", body } });
async function isSigned(eventId: string): Promise<boolean> {
  const { pdus } = (await f.peer.call("GET", `/event/${enc(eventId)}`)).body;
  const received = readPdu(room.version, pdus[0]);
  if ("fault" in received) throw new Error(received.fault.message);
  const signature = signaturesBy(pdus[0], f.peer.name).get("ed25519:policy_server");
  return signature === key().sign(received.signingText);
}

test("what is sent here is signed by the room's policy server, once, or refused", async () => {
  const { event_id: eventId } = (await send("hello", "p1")).body;
  expect(await isSigned(eventId)).toBe(true);
  expect((await send("hello", "p1")).body.event_id).toBe(eventId);
  expect(asked).toEqual([eventId]);
  expect(await send("spam", "p2")).toMatchObject({ status: 403, body: { errcode: "M_FORBIDDEN" } });
  const topic = await f.alice.setState(roomId, "m.room.topic", { topic: "signed, too" });
  expect(await isSigned(topic)).toBe(true);
  expect(await f.texts(roomId)).toEqual(["hello"]);
});

test("what comes without its signature is asked about, and not shown where it gives none", async () => {
  const [good, bad] = [room.make(said("good")), room.make(said("spam"))];
  expect(await room.send(good, bad)).toEqual({ [good.eventId]: {}, [bad.eventId]: {} });
  expect(await f.texts(roomId)).toEqual(["good"]);
  expect(await isSigned(good.eventId)).toBe(true);
  expect(asked).toEqual([good.eventId, bad.eventId]);
  const ready = room.make(said("signed already"));
  const received = readPdu(room.version, ready.pdu);
  if ("fault" in received) throw new Error(received.fault.message);
  const ofPeer = {
    ...((ready.pdu.signatures as JsonObject)[f.peer.name] as JsonObject),
    "ed25519:policy_server": key().sign(received.signingText),
  };
  await room.send({ ...ready, pdu: { ...ready.pdu, signatures: { [f.peer.name]: ofPeer } } as typeof ready.pdu });
  expect(asked).not.toContain(ready.eventId);
  expect(await f.texts(roomId)).toEqual(["good", "signed already"]);
});

test("the policy server has no say in its own appointment, nor where it is named in no due form or has nobody in the room", async () => {
  const key32 = key().publicKey;
  const contents = [{ via: f.peer.name }, { via: "gone.example", public_keys: { ed25519: key32 } }, { via: f.peer.name, public_keys: {} }];
  for (const [i, content] of contents.entries()) {
    await f.alice.setState(roomId, "m.room.policy", { ...content, reason: "spam" });
    expect((await send("spam", `f${i}`)).status).toBe(200);
  }
  expect(asked).toEqual([]);
});
