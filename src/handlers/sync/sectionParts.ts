import { formatToken, formatTopological } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import type { SyncFilter } from "../../rooms/filter";
import type { EventFormat, Reader } from "../events/render";
import type { Requester } from "../requester";
import type { Timeline } from "./timeline";

/** Where history before the timeline is to be asked for. */
export function prevBatch(timeline: Timeline, now: StreamToken): string {
  const first = timeline.events[0]?.row;
  if (!first) return formatToken({ ...now, events: timeline.start });
  return formatTopological({ depth: first.depth, streamOrdering: (first.streamOrdering ?? 1) - 1 });
}

export const formatOf = ({ eventFormat }: SyncFilter): EventFormat => (eventFormat === "federation" ? "federation" : "withoutRoomId");

export const readerOf = ({ userId, deviceId }: Requester): Reader => ({ userId, deviceId });
