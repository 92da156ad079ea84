import { createMetrics } from "../../../src/observe/metrics";
import { startFederationSender } from "../../../src/services/federationSender/sender";
import type { Database } from "../../../src/storage/db";
import { eventsStream } from "../../../src/streams/events";
import { peerConfig } from "../../builders/peer";
import { eventually } from "../../builders/eventually";
import { createRoomsServer } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";

/** Rooms are full of people whose servers have gone for good: these must cost next to nothing. */
const DEAD = 3_000;
const DAY = 24 * 3_600_000;

let server: RoomsServer;
let alice: Client;
let roomId: string;
beforeAll(async () => {
  server = await createRoomsServer(peerConfig);
  alice = await server.client("alice");
  roomId = await alice.createRoom({ preset: "public_chat" });
  const nid = (await server.app.caches.rooms.byId(roomId))?.nid ?? 0;
  await server.app.db`
    insert into room_members (room_nid, user_id, membership, sender, event_nid, stream_ordering, is_local)
    select ${nid}, '@bob:dead' || n || '.test', 'join', '@bob:dead' || n || '.test', 0, 0, false from generate_series(1, ${DEAD}::int4) n`;
  const now = server.app.clock.now();
  await server.app.db`
    insert into destinations (destination, failing_since, retry_last_ts, retry_interval)
    select 'dead' || n || '.test', ${now}, ${now}, ${DAY} from generate_series(1, ${DEAD}::int4) n`;
});
afterAll(() => server?.close());

/** The database, which counts what is asked of it. */
function counted(db: Database): { readonly db: Database; statements: number } {
  const counter = {
    statements: 0,
    db: new Proxy(db, {
      apply(target, thisArg, args) {
        counter.statements++;
        return Reflect.apply(target, thisArg, args) as unknown;
      },
    }),
  };
  return counter;
}

const readTo = async (): Promise<number> => {
  const rows = await server.app.db<{ position: number }>`
    select min(position) as position from stream_consumers where name like 'federation_sender/%' and stream = 'events'`;
  return rows[0]?.position ?? 0;
};
const allRead = () => eventually(async () => (await readTo()) >= server.app.streams.position(eventsStream));

test("events for thousands of servers that do not answer are noted, sent to nobody, and wait nowhere in memory", async () => {
  const counter = counted(server.app.db);
  const sent: string[] = [];
  const client = {
    ...server.app.federation.client,
    put: (name: string) => (sent.push(name), Promise.reject(new Error("nobody is there"))),
  };
  const metrics = createMetrics("test.local");
  const app = { ...server.app, db: counter.db, metrics, federation: { ...server.app.federation, client } };
  const sender = startFederationSender(app);
  try {
    const first = await alice.text(roomId, "the first");
    await allRead();
    const missed = await server.app.db<{ n: number; after: number }>`
      select count(*)::int4 as n, max(missed_after) as after from destinations where missed_after is not null`;
    const event = await server.app.caches.events.byId(first);
    expect(missed[0]?.n).toBe(DEAD);
    expect(missed[0]?.after).toBeLessThan(event?.row.streamOrdering ?? 0);
    counter.statements = 0;
    for (let n = 0; n < 20; n++) await alice.text(roomId, `and ${n}`);
    await allRead();
    // the sender looks at each event, and not at each server
    expect(counter.statements).toBeLessThan(DEAD / 10);
    expect(sent).toEqual([]);
    expect(await metrics.text()).toMatch(/^synapse_federation_transaction_queue_pending_pdus\S* 0$/m);
  } finally {
    await sender.stop();
  }
});
