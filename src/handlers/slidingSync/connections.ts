import { createCache } from "../../caches/cache";
import type { Cache } from "../../caches/cache";
import { MatrixError } from "../../errors";
import type { Clock } from "../../lib/clock";
import { formatToken, parseToken } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import type { Db } from "../../storage/db";
import {
  addPosition,
  deleteIdleConnections,
  deleteSurplusConnections,
  getPositions,
  startConnection,
  touchConnection,
} from "../../storage/slidingSync";
import type { ConnectionKey } from "../../storage/slidingSync";
import type { App } from "../app";
import { decodeState, emptyState, encodeState } from "./connectionState";
import type { ConnectionState } from "./connectionState";
import { createShownMembers } from "./shownMembers";
import type { ShownMembers } from "./shownMembers";

interface Stored extends ConnectionKey {
  readonly connectionId: number;
  readonly state: ConnectionState;
  /** The position from which it was made here. */
  readonly madeFrom: number | undefined;
  /** When it was used, as far as this process knows. */
  usedTs: number;
}

/** What a process remembers of the sync loops of clients. The database holds the truth; a position never changes. */
export interface SlidingConnections {
  readonly positions: Cache<number, Stored>;
  readonly shownMembers: ShownMembers;
}

/** Where a client stands: what it knows by room, and up to where in each stream. */
export interface Standpoint {
  readonly connectionId: number;
  readonly position: number;
  readonly token: StreamToken;
  readonly state: ConnectionState;
}

const EXPIRE_MS = 7 * 24 * 3_600_000;
const TOUCH_MS = 3_600_000;
const MAX_CONNECTIONS = 20;

export function createSlidingConnections(db: Db, factor: number): SlidingConnections {
  const scaled = (size: number): number => Math.max(1, Math.round(size * factor));
  return {
    shownMembers: createShownMembers(scaled(4_000)),
    positions: createCache<number, Stored>({
      name: "sliding_sync_positions",
      // In rooms.
      max: scaled(400_000),
      sizeOf: ({ state }) => 5 + state.rooms.size,
      load: async (wanted) =>
        (await getPositions(db, wanted)).map(({ position, state, ...row }) => [
          position,
          { ...row, state: decodeState(state), madeFrom: undefined },
        ]),
    }),
  };
}

const unknownPosition = (): MatrixError => new MatrixError(400, "M_UNKNOWN_POS", "Unknown position");

/** The client starts over when it hears this, as it must when a position is one that nobody knows (any more). */
export async function standpointOf(app: Pick<App, "slidingSync" | "clock" | "db">, key: ConnectionKey, pos: string): Promise<Standpoint> {
  const match = /^(\d{1,15})\/(.+)$/.exec(pos);
  const token = match?.[2] === undefined ? undefined : parseToken(match[2]);
  const position = Number(match?.[1]);
  if (!token) throw unknownPosition();
  const now = app.clock.now();
  const stored = await loadUsed(app.slidingSync.positions, position, now - EXPIRE_MS);
  if (!stored || stored.userId !== key.userId || stored.deviceId !== key.deviceId || stored.connId !== key.connId) throw unknownPosition();
  if (stored.usedTs < now - TOUCH_MS) {
    stored.usedTs = now;
    await touchConnection(app.db, stored.connectionId, now);
  }
  app.slidingSync.shownMembers.arrived(stored.connectionId, pos);
  return { connectionId: stored.connectionId, position, token, state: stored.state };
}

/** A position whose connection was used since; other processes may know better than this one when that was. */
async function loadUsed(positions: SlidingConnections["positions"], position: number, since: number): Promise<Stored | undefined> {
  const stored = await positions.load(position);
  if (!stored || stored.usedTs >= since) return stored;
  positions.delete(position);
  const now = await positions.load(position);
  return now && now.usedTs >= since ? now : undefined;
}

/** Makes the position at which an answer leaves its client. What did not change is not stored again. */
export async function nextPosition(
  app: Pick<App, "slidingSync" | "clock" | "db">,
  key: ConnectionKey,
  from: Standpoint | undefined,
  { state, token }: { readonly state: ConnectionState; readonly token: StreamToken },
): Promise<{ readonly connectionId: number; readonly pos: string }> {
  if (from?.state === state) return { connectionId: from.connectionId, pos: formatPosition(from.position, token) };
  const now = app.clock.now();
  const { connectionId, position } = from ? await addTo(app, from, state, now) : await start(app, key, state, now);
  const { positions } = app.slidingSync;
  // The client came with `from`, so it will not ask for what was before.
  const older = from && positions.get(from.position)?.madeFrom;
  if (older !== undefined) positions.delete(older);
  positions.set(position, { ...key, connectionId, state, madeFrom: from?.position, usedTs: now });
  return { connectionId, pos: formatPosition(position, token) };
}

const formatPosition = (position: number, token: StreamToken): string => `${position}/${formatToken(token)}`;

async function start({ db }: Pick<App, "db">, key: ConnectionKey, state: ConnectionState, now: number) {
  const made = await startConnection(db, key, encodeState(state), now);
  await deleteSurplusConnections(db, key.userId, key.deviceId, MAX_CONNECTIONS);
  return made;
}

async function addTo({ db }: Pick<App, "db">, from: Standpoint, state: ConnectionState, now: number) {
  const { connectionId, position: base } = from;
  const position = await addPosition(db, { connectionId, base, state: encodeState(state), now });
  if (position === undefined) throw unknownPosition();
  return { connectionId, position };
}

export const stateOf = (from: Standpoint | undefined): ConnectionState => from?.state ?? emptyState;

/** Forgets the loops of clients that stayed away. To be run now and then. */
export const forgetIdleConnections = ({ db, clock }: { readonly db: Db; readonly clock: Clock }): Promise<void> =>
  deleteIdleConnections(db, clock.now() - EXPIRE_MS);
