import type { JsonObject } from "../../../src/lib/json";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";
import { joinPeer } from "../../builders/peerRoom";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

/** What comes while the database is away is not acknowledged, so that it comes again. */
let f: Federated;
let admin: TestDatabase;
beforeAll(async () => {
  [f, admin] = await Promise.all([createFederated(), createTestDatabase({ empty: true })]);
});
afterAll(async () => {
  await Promise.all([f?.close(), admin?.drop()]);
});

async function withoutDatabase<T>(work: () => Promise<T>): Promise<T> {
  const [row] = await f.server.app.db<{ name: string }>`select current_database() as name`;
  const name = row?.name ?? "";
  return admin.db.session(async ({ db, script }) => {
    await script(`alter database "${name}" allow_connections false`);
    await db`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
    try {
      return await work();
    } finally {
      await script(`alter database "${name}" allow_connections true`);
    }
  });
}

test.each(["events", "messages to devices"])(
  "%s that come meanwhile are refused as a whole, and taken when they come again",
  async (kind) => {
    const roomId = await f.room();
    const room = await joinPeer(f.peer, roomId, f.bob);
    const event = room.make({ sender: f.bob, content: { msgtype: "m.text", body: "once" } });
    const message = { type: "org.example.x", sender: f.bob, message_id: `m${kind}`, messages: { [f.alice.userId]: { "*": { kind } } } };
    const body = {
      origin: f.peer.name,
      pdus: kind === "events" ? [event.pdu] : [],
      edus: kind === "events" ? [] : [{ edu_type: "m.direct_to_device", content: message }],
    } as JsonObject;
    const send = () => f.peer.call("PUT", `/send/outage-${kind.slice(0, 1)}`, body);
    const refused = await withoutDatabase(send);
    expect(refused).toMatchObject({ status: 503, body: { errcode: "M_UNKNOWN" } });
    let taken = refused;
    // connections come back one after another
    await eventually(async () => (taken = await send()).status === 200);
    expect(taken.body).toEqual({ pdus: kind === "events" ? { [event.eventId]: {} } : {} });
    await send();
    if (kind === "events") expect(await f.texts(roomId)).toEqual(["once"]);
    else {
      const sync = await f.alice.get("/sync");
      expect((sync.to_device.events as JsonObject[]).map(({ content }) => content)).toEqual([{ kind }]);
    }
  },
);
