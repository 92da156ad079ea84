import { presenceContent } from "../../handlers/presence";
import { canonicalJson } from "../../lib/canonicalJson";
import type { JsonObject, JsonValue } from "../../lib/json";
import type { PresenceRow } from "../../storage/presence";
import type { Receipt } from "../../storage/receipts";
import type { Typing } from "./queue";

/** An EDU as it goes out; text is canonical JSON. */
export interface Edu {
  readonly type: string;
  readonly text: string;
}

export const eduOf = (type: string, content: JsonObject): Edu => ({ type, text: canonicalJson({ edu_type: type, content }) });

/** m.typing (server-server API, "Typing Notifications"). */
export const typingEdu = ({ roomId, userId, typing }: Typing): Edu => eduOf("m.typing", { room_id: roomId, user_id: userId, typing });

/** m.presence, of many users at once. */
export function presenceEdus(rows: readonly PresenceRow[], now: number): Edu[] {
  if (rows.length === 0) return [];
  return [eduOf("m.presence", { push: rows.map((row) => ({ user_id: row.userId, ...presenceContent(row, now) })) })];
}

/** m.receipt. An EDU has place for one receipt of a user in a room, so that those of several threads take several. */
export function receiptEdus(receipts: readonly Receipt[]): Edu[] {
  const contents: Record<string, { "m.read": JsonObject }>[] = [];
  for (const { roomId, userId, eventId, data } of receipts) {
    let content = contents.find((one) => !Object.hasOwn(one[roomId]?.["m.read"] ?? {}, userId));
    if (!content) contents.push((content = Object.create(null) as Record<string, { "m.read": JsonObject }>));
    const users = (content[roomId] ??= { "m.read": Object.create(null) as JsonObject });
    users["m.read"][userId] = { event_ids: [eventId], data: JSON.parse(data) as JsonValue };
  }
  return contents.map((content) => eduOf("m.receipt", content));
}

/** m.direct_to_device; the content lies ready in the outbox. */
export const toDeviceEdu = (content: string): Edu => eduOf("m.direct_to_device", JSON.parse(content) as JsonObject);
