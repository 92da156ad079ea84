import { createCache } from "../../caches/cache";
import type { Clock } from "../../lib/clock";
import type { JsonObject } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { withPlainNumbers } from "../../lib/jsonLossless";
import type { FederationClient } from "../../remote/federation";
import type { Choice, SpaceChild } from "./children";
import { readChildren } from "./children";
import { readSummary } from "./summaryFields";

/** What another server tells of a room and, where that is a space, of its children. */
export interface RemoteHierarchy {
  readonly summary: JsonObject;
  /** The children that the room names, and summaries of those that the server knows. */
  readonly children: readonly SpaceChild[];
  readonly summaries: ReadonlyMap<string, JsonObject>;
  /** Rooms that the server knows and nobody of this server may know of. */
  readonly inaccessible: ReadonlySet<string>;
}

/** Asks other servers of rooms that nobody of this server is in, and remembers for a while what they said. */
export interface RemoteRooms {
  /** Undefined where none of the servers would tell. */
  ask(roomId: string, via: readonly string[], choice: Choice): Promise<RemoteHierarchy | undefined>;
}

export const MAX_SERVERS = 3;
const MAX_CHILDREN = 1000;
const TTL_MS = 5 * 60_000;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_REMEMBERED_BYTES = 16 * 1024 * 1024;

interface Known {
  readonly answer: RemoteHierarchy;
  readonly bytes: number;
  readonly until: number;
}

interface Deps {
  readonly client: Pick<FederationClient, "get">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly serverName: string;
}

export function createRemoteRooms({ client, clock, serverName }: Deps): RemoteRooms {
  const known = createCache<string, Known>({
    name: "remote_hierarchies",
    max: MAX_REMEMBERED_BYTES,
    sizeOf: ({ bytes }) => bytes,
    // Whoever asks knows of which servers.
    load: () => Promise.resolve([]),
  });
  const asking = new Map<string, Promise<RemoteHierarchy | undefined>>();

  async function askAll(key: string, roomId: string, via: readonly string[], choice: Choice): Promise<RemoteHierarchy | undefined> {
    const servers = [...new Set(via)].filter((server) => server !== serverName).slice(0, MAX_SERVERS);
    for (const server of servers) {
      try {
        const query = { suggested_only: choice === "suggested" ? "true" : "false" };
        const options = { query, timeoutMs: TIMEOUT_MS, retries: "none" as const, maxBytes: MAX_BYTES };
        const text = await client.get(server, `/_matrix/federation/v1/hierarchy/${encodeURIComponent(roomId)}`, options);
        const answer = readHierarchy(roomId, withPlainNumbers(text) as JsonObject, choice);
        if (!answer) continue;
        known.set(key, { answer, bytes: JSON.stringify(text).length, until: clock.monotonic() + TTL_MS });
        return answer;
      } catch {
        // The next one may know better.
      }
    }
    return undefined;
  }

  return {
    async ask(roomId, via, choice) {
      const key = `${choice} ${roomId}`;
      const before = known.get(key);
      if (before && before.until > clock.monotonic()) return before.answer;
      const shared = asking.get(key);
      if (shared) return shared;
      const asked = askAll(key, roomId, via, choice).finally(() => asking.delete(key));
      asking.set(key, asked);
      return asked;
    },
  };
}

function readHierarchy(roomId: string, answer: JsonObject, choice: Choice): RemoteHierarchy | undefined {
  const { room, children, inaccessible_children: inaccessible } = answer;
  if (!isJsonObject(room) || own(room, "room_id") !== roomId) return undefined;
  const summaries = (Array.isArray(children) ? children : []).filter(isJsonObject).map(readSummary);
  return {
    summary: readSummary(room),
    children: readChildren(own(room, "children_state"), choice).slice(0, MAX_CHILDREN),
    summaries: new Map(summaries.flatMap((child) => (typeof child["room_id"] === "string" ? [[child["room_id"], child]] : []))),
    inaccessible: new Set((Array.isArray(inaccessible) ? inaccessible : []).filter((id) => typeof id === "string")),
  };
}
