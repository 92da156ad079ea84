import { presenceContent } from "../../handlers/presence";
import { receiptContent } from "../../handlers/receipts";
import type { PresenceRow } from "../../storage/presence";
import type { Receipt } from "../../storage/receipts";

// Ephemeral events as JSON text (application service API, "Pushing ephemeral data"): those of rooms say which.

/** One event a room. Receipts are in stream order. */
export function receiptEvents(receipts: readonly Receipt[]): string[] {
  const rooms = new Map<string, Receipt[]>();
  for (const receipt of receipts) {
    const here = rooms.get(receipt.roomId);
    if (here) here.push(receipt);
    else rooms.set(receipt.roomId, [receipt]);
  }
  return Array.from(
    rooms,
    ([roomId, rows]) => `{"type":"m.receipt","room_id":${JSON.stringify(roomId)},"content":${receiptContent(rows).text}}`,
  );
}

export function typingEvents(rooms: readonly (readonly [string, readonly string[]])[]): string[] {
  return rooms.map(([roomId, users]) => JSON.stringify({ type: "m.typing", room_id: roomId, content: { user_ids: users } }));
}

export function presenceEvents(rows: readonly PresenceRow[], now: number): string[] {
  return rows.map((row) => JSON.stringify({ type: "m.presence", sender: row.userId, content: presenceContent(row, now) }));
}
