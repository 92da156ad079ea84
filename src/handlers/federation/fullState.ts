import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { unPartialStatedRoomStream } from "../../streams/unPartialStatedRoom";
import type { App } from "../app";

/** Clients and the proxies before us give up soon after. */
const PATIENCE_MS = 50_000;

/**
 * Waits until all members of a room are here, where it was joined without them (MSC3902, "Client-server API"). 503
 * M_UNABLE_DUE_TO_PARTIAL_STATE where that takes too long.
 */
export async function awaitFullState(app: Pick<App, "caches" | "streams">, { nid }: RoomInfo): Promise<void> {
  if (!(await app.caches.partialRooms.has(nid))) return;
  let timer: NodeJS.Timeout | undefined;
  let unsubscribe: (() => void) | undefined;
  const news = new Promise<boolean>((resolve) => {
    unsubscribe = app.streams.subscribe(unPartialStatedRoomStream, (rows) => {
      if (rows.some(({ row }) => row.roomNid === nid)) resolve(true);
    });
    timer = setTimeout(resolve, PATIENCE_MS, false).unref();
  });
  try {
    // Asked again, as it may have happened before we listened.
    if (!(await app.caches.partialRooms.has(nid)) || (await news)) return;
  } finally {
    clearTimeout(timer);
    unsubscribe?.();
  }
  throw new MatrixError(503, "M_UNABLE_DUE_TO_PARTIAL_STATE", "The members of this room are still being fetched");
}
