import type { Db } from "./db";

/** Notes that an event of another server's user came to us to be handed on to the other servers of the room. */
export async function addRelay(db: Db, relay: { readonly eventId: string; readonly origin: string; readonly now: number }): Promise<void> {
  await db`
    insert into federation_relays (event_id, origin, received_ts) values (${relay.eventId}, ${relay.origin}, ${relay.now})
    on conflict do nothing`;
}

/** Who has not fetched it by then gets later events of the room. */
export async function purgeRelays(db: Db, before: number): Promise<void> {
  await db`delete from federation_relays where received_ts < ${before}`;
}
