import type { App } from "./app";
import { setReceipt } from "./receipts";
import type { Requester } from "./requester";

/** Event ids by the type of marker; other types are none of ours. */
export interface ReadMarkers {
  readonly "m.fully_read"?: string | null | undefined;
  readonly "m.read"?: string | null | undefined;
  readonly "m.read.private"?: string | null | undefined;
}

const types = ["m.fully_read", "m.read", "m.read.private"] as const;

/** Sets the marker and receipts of a room in one go (client-server API, "Fully read markers"). */
export async function setReadMarkers(
  app: Pick<App, "caches" | "clock" | "rpc" | "userData">,
  requester: Requester,
  roomId: string,
  markers: ReadMarkers,
): Promise<void> {
  await Promise.all(
    types.map(async (receiptType) => {
      const eventId = markers[receiptType];
      if (eventId) await setReceipt(app, requester, { roomId, receiptType, eventId });
    }),
  );
}
