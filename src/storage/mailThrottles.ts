import type { Db } from "./db";
import type { PusherKey } from "./pushers";

/** When a pusher last wrote of a room, and how long it waits after that. ms. */
export interface MailThrottle {
  readonly roomNid: number;
  readonly lastSentTs: number;
  readonly throttleMs: number;
}

export async function getMailThrottles(db: Db, { userId, appId, pushkey }: PusherKey): Promise<MailThrottle[]> {
  return db<MailThrottle>`
    select room_nid as "roomNid", last_sent_ts as "lastSentTs", throttle_ms as "throttleMs" from mail_throttles
    where user_id = ${userId} and app_id = ${appId} and pushkey = ${pushkey}`;
}

export async function putMailThrottles(db: Db, { userId, appId, pushkey }: PusherKey, throttles: readonly MailThrottle[]): Promise<void> {
  await db`
    insert into mail_throttles (user_id, app_id, pushkey, room_nid, last_sent_ts, throttle_ms)
    select ${userId}::text, ${appId}::text, ${pushkey}::text, t.* from unnest(${throttles.map((t) => t.roomNid)}::int4[],
      ${throttles.map((t) => t.lastSentTs)}::int8[], ${throttles.map((t) => t.throttleMs)}::int8[])
      as t (room_nid, last_sent_ts, throttle_ms) order by 4
    on conflict (user_id, app_id, pushkey, room_nid) do update
      set last_sent_ts = excluded.last_sent_ts, throttle_ms = excluded.throttle_ms`;
}
