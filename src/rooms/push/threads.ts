import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";

/** The thread that counts and receipts know the main timeline by. */
export const mainThread = "main";

/** Of any room version; what else stands there is of no use, and may not fit into the database. */
const EVENT_ID = /^\$[^\u0000]{1,254}$/;

/** How an event says where it belongs: it is in a thread, or it follows another event there, or neither. */
export type ThreadHint = { readonly root: string } | { readonly follows: string } | undefined;

/** Reads m.relates_to. Relations other than m.thread put an event where its target is (receipts module, "Threaded read receipts"). */
export function threadHint(content: JsonObject): ThreadHint {
  const relation = own(content, "m.relates_to");
  if (!isJsonObject(relation)) return undefined;
  const [type, target] = [own(relation, "rel_type"), own(relation, "event_id")];
  if (typeof type !== "string" || typeof target !== "string" || !EVENT_ID.test(target)) return undefined;
  return type === "m.thread" ? { root: target } : { follows: target };
}
