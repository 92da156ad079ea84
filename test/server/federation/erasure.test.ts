import { joinPeer } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;
beforeAll(async () => {
  f = await createFederated();
});
afterAll(() => f.close());

interface Told {
  readonly type: string;
  readonly sender: string;
  readonly state_key?: string;
  readonly content: Record<string, unknown>;
}

test("other servers get what an erased user said redacted, and the state of the room as it is", async () => {
  const { alice, peer, server } = f;
  const dora = await server.client("dora");
  await alice.put(`/profile/${enc(alice.userId)}/displayname`, { displayname: "Alice A" });
  const roomId = await alice.createRoom({ preset: "public_chat", room_version: "10", name: "Ours" });
  await dora.post(`${roomPath(roomId)}/join`);
  await joinPeer(peer, roomId, f.bob);
  const said = await alice.text(roomId, "personal");
  const last = await dora.text(roomId, "hers");
  const ask = async (path: string): Promise<{ pdus: Told[] }> => {
    const { status, body } = await peer.call("GET", path);
    expect(status).toBe(200);
    return body as unknown as { pdus: Told[] };
  };
  const told = async () => {
    const [event] = (await ask(`/event/${enc(said)}`)).pdus;
    const { pdus } = await ask(`/backfill/${enc(roomId)}?v=${enc(last)}&limit=2`);
    const state = (await ask(`/state/${enc(roomId)}?event_id=${enc(last)}`)).pdus;
    return {
      event: event?.content,
      backfill: pdus.map(({ content }) => content),
      name: state.find(({ type }) => type === "m.room.name")?.content,
      profile: state.find(({ state_key }) => state_key === alice.userId)?.content["displayname"],
    };
  };
  const message = (body: string) => ({ msgtype: "m.text", body });
  const before = { event: message("personal"), backfill: [message("hers"), message("personal")], name: { name: "Ours" } };
  expect(await told()).toEqual({ ...before, profile: "Alice A" });
  const identifier = { type: "m.id.user", user: alice.userId };
  await alice.post("/account/deactivate", { auth: { type: "m.login.password", identifier, password: "sUp3r s3kr1t" }, erase: true });
  expect(await told()).toEqual({ ...before, event: {}, backfill: [message("hers"), {}], profile: undefined });
});
