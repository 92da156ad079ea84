import { endExpired, overwriteRedacted } from "../../../src/handlers/rooms/overwriting";
import { hostRoom } from "../../builders/peerRoom";
import { createFederated } from "../federation/harness";
import type { Federated } from "../federation/harness";
import { createRoomsServer, enc, roomPath } from "./harness";

const HOUR = 3_600_000;
let f: Federated;
beforeAll(async () => {
  f = await createFederated({ enable_ephemeral_messages: true });
});
afterAll(() => f.close());

/** The server as it will be. */
const later = (ms: number) => {
  const { app } = f.server;
  return { ...app, clock: { ...app.clock, now: () => app.clock.now() + ms } };
};
const jsonOf = async (eventId: string): Promise<string> => {
  const rows = await f.server.app.db<{ json: string }>`select json from events where event_id = ${eventId}`;
  return rows[0]?.json ?? "";
};
const read = (roomId: string, eventId: string) => f.alice.get(`${roomPath(roomId)}/event/${enc(eventId)}`);
const ending = (body: string) => ({ msgtype: "m.text", body, "org.matrix.self_destruct_after": Date.now() + HOUR });

test.each(["1", "10", "12"])("what was redacted in a room of version %s is kept for a week and then overwritten", async (version) => {
  const { alice } = f;
  const roomId = await f.room(version);
  const secret = await alice.text(roomId, "secret");
  const other = await alice.text(roomId, "other");
  const redaction = (await alice.put(`${roomPath(roomId)}/redact/${enc(secret)}/redact`, {})).event_id;
  await overwriteRedacted(later(6 * 24 * HOUR));
  expect(await jsonOf(secret)).toContain('"secret"');
  await overwriteRedacted(later(8 * 24 * HOUR));
  const text = await jsonOf(secret);
  expect(text).not.toContain("secret");
  expect(JSON.parse(text)).toMatchObject({ content: {}, type: "m.room.message", sender: alice.userId, hashes: {}, signatures: {} });
  expect(await jsonOf(other)).toContain('"other"');
  expect(await read(roomId, secret)).toMatchObject({ content: {}, unsigned: { redacted_by: redaction } });
});

test("a message ends when its sender said, with what was told of it", async () => {
  const { alice } = f;
  const roomId = await f.room();
  const root = await alice.text(roomId, "root");
  const reply = await alice.send(roomId, { ...ending("burn"), "m.relates_to": { rel_type: "m.thread", event_id: root } });
  const state = await alice.setState(roomId, "org.example.state", ending("state"));
  const relations = async () => (await read(roomId, root)).unsigned["m.relations"];
  await endExpired(later(0));
  expect((await read(roomId, reply)).content.body).toBe("burn");
  expect((await relations())["m.thread"].count).toBe(1);
  await endExpired(later(2 * HOUR));
  expect(await read(roomId, reply)).toMatchObject({ event_id: reply, content: {} });
  expect(await jsonOf(reply)).not.toContain("burn");
  expect(await relations()).toBeUndefined();
  expect((await read(roomId, state)).content.body).toBe("state");
  // A redaction that comes later is shown as the reason.
  const redaction = (await alice.put(`${roomPath(roomId)}/redact/${enc(reply)}/after`, {})).event_id;
  expect(await read(roomId, reply)).toMatchObject({ content: {}, unsigned: { redacted_by: redaction } });
});

test("messages of other servers end too, also those fetched from a room's past", async () => {
  const said = (body: string) => ({ sender: f.bob, content: ending(body) });
  const room = hostRoom(f.peer, f.bob);
  room.make(said("long ago"));
  await f.alice.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`);
  await room.send(room.make(said("now")));
  expect(await f.texts(room.roomId)).toEqual(["long ago", "now"]);
  await endExpired(later(2 * HOUR));
  expect(await f.texts(room.roomId)).toEqual([undefined, undefined]);
});

test("where it is not configured messages do not end", async () => {
  const server = await createRoomsServer();
  const alice = await server.client("alice");
  await alice.send(await alice.createRoom(), ending("stay"));
  expect(await server.app.db`select from event_expiry`).toHaveLength(0);
  await server.close();
});
