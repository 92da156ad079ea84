import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { own } from "../../lib/json";
import { withPlainNumbers } from "../../lib/jsonLossless";
import { historyVisibilityOf } from "../../rooms/visibility";
import type { App } from "../app";
import type { Requester } from "../requester";
import { currentEvent, findRoom } from "../rooms/access";
import { askComplexity } from "./asks";

type ComplexityApp = Pick<App, "caches">;

/** So many state events make a complexity of 1. */
const EVENTS_PER_UNIT = 500;

/** How much there is to a room that we know, as Synapse counts it: by its state, to two digits. */
async function complexityOf(app: ComplexityApp, room: RoomInfo): Promise<number> {
  const current = await app.caches.roomState.current(room.nid);
  return Math.round(((current?.state.size ?? 0) / EVENTS_PER_UNIT) * 100) / 100;
}

/** `GET /rooms/{roomId}/complexity`: for rooms that anybody may join or read, 404 for others. */
export async function serveComplexity(app: ComplexityApp, roomId: string): Promise<{ v1: number }> {
  const room = await findRoom(app, roomId);
  if (!room || !(await isOpen(app, room))) throw new MatrixError(404, "M_INVALID_PARAM", "Room not found");
  return { v1: await complexityOf(app, room) };
}

async function isOpen(app: ComplexityApp, room: RoomInfo): Promise<boolean> {
  const [rules, visibility] = await Promise.all([
    currentEvent(app, room, "m.room.join_rules"),
    currentEvent(app, room, "m.room.history_visibility"),
  ]);
  return own(rules?.shown.content ?? {}, "join_rule") === "public" || historyVisibilityOf(visibility?.shown) === "world_readable";
}

/** Whether `limit_remote_rooms` concerns somebody who wants to join a room that nobody of this server is in. */
function isLimited({ config }: Pick<App, "config">, requester: Requester): boolean {
  const { enabled, admins_can_join: exempt } = config.limit_remote_rooms;
  return enabled && !(exempt && requester.isAdmin);
}

const tooComplex = ({ config }: Pick<App, "config">): MatrixError =>
  new MatrixError(400, "M_RESOURCE_LIMIT_EXCEEDED", config.limit_remote_rooms.complexity_error);

/**
 * Asks the room's servers how much there is to it before a join. Throws 400 M_RESOURCE_LIMIT_EXCEEDED where it is too much. Where none of
 * them tells, the room has to be looked at once it is here (`tooMuchHere`).
 */
export async function requireSimple(app: App, requester: Requester, hosts: readonly string[], roomId: string): Promise<void> {
  if (!isLimited(app, requester)) return;
  for (const host of hosts) {
    const told = await askComplexity(app, host, roomId).then(
      (answer) => own(withPlainNumbers(answer) as typeof answer, "v1"),
      () => undefined,
    );
    if (typeof told !== "number") continue;
    if (told > app.config.limit_remote_rooms.complexity) throw tooComplex(app);
    return;
  }
}

/** The error for a room that turned out to be too large after it was joined; undefined where it is not. */
export async function tooMuchHere(app: App, requester: Requester, room: RoomInfo): Promise<MatrixError | undefined> {
  if (!isLimited(app, requester)) return undefined;
  return (await complexityOf(app, room)) > app.config.limit_remote_rooms.complexity ? tooComplex(app) : undefined;
}
