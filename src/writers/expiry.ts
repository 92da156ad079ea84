import type { Config } from "../config/config";
import { own } from "../lib/json";
import type { RoomEvent } from "../rooms/event";
import type { Db } from "../storage/db";
import { insertExpiries } from "../storage/overwriting";

/** When a message ends by the will of its sender, in ms (MSC2228). State does not end. */
export function expiryOf({ content, stateKey }: Pick<RoomEvent, "content" | "stateKey">): number | undefined {
  const expires = own(content, "org.matrix.self_destruct_after");
  return stateKey === undefined && typeof expires === "number" && Number.isSafeInteger(expires) ? expires : undefined;
}

/** Notes when events end, where the operator allows that (`enable_ephemeral_messages`). */
export async function noteExpiries(
  db: Db,
  config: Pick<Config, "enable_ephemeral_messages">,
  events: readonly { readonly nid: number; readonly event: RoomEvent }[],
): Promise<void> {
  if (!config.enable_ephemeral_messages) return;
  const rows = events.flatMap(({ nid, event }) => {
    const expiresTs = expiryOf(event);
    return expiresTs === undefined ? [] : [{ nid, expiresTs }];
  });
  if (rows.length > 0) await insertExpiries(db, rows);
}
