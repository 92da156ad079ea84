import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, forbidden } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { parseLosslessJson } from "../../lib/jsonLossless";
import type { Pdu } from "../../rooms/event";
import { domainOf } from "../../rooms/ids";
import { templateOf } from "../../rooms/membershipTemplate";
import { parseEvent } from "../../rooms/parseEvent";
import { sendIntent } from "../../writers/intents";
import { prepareEvent } from "../../writers/remoteRpc";
import type { App } from "../app";
import { requireOpenRoom, requireWholeRoom } from "./access";
import type { Entering } from "./asks";
import { approvingUser } from "./restricted";

export interface TemplateRequest {
  readonly action: Entering;
  readonly roomId: string;
  readonly userId: string;
  /** Room versions that the other server knows; undefined where nothing depends on it. */
  readonly versions: readonly string[] | undefined;
}

/**
 * `GET /make_join`, `/make_leave` and `/make_knock`: a member event for a user of the other server to fill in and sign. Throws 403 where
 * it would not be authorised, 400 M_INCOMPATIBLE_ROOM_VERSION where the other server does not know the room's version.
 */
export async function makeTemplate(app: App, origin: string, { action, roomId, userId, versions }: TemplateRequest): Promise<JsonObject> {
  if (domainOf(userId) !== origin) throw forbidden("User not from origin");
  const room = await (action === "leave" ? requireOpenRoom : requireWholeRoom)(app, origin, roomId);
  if (versions && !versions.includes(room.version.id)) throw incompatible(room);
  if (action === "knock" && !room.version.auth.knocking) throw forbidden("This room version does not support knocking");
  const via = action === "join" ? await approvingUser(app, room, userId) : undefined;
  const content: JsonObject = { membership: action, ...(via !== undefined && { join_authorised_via_users_server: via }) };
  const prepared = await prepareEvent(app, sendIntent({ roomId, sender: userId, type: "m.room.member", content }, { stateKey: userId }));
  const event = parseEvent(room.version, parseLosslessJson(prepared.json) as Pdu, prepared.eventId);
  return { room_version: room.version.id, event: templateOf(event, app.serverName) };
}

function incompatible({ version }: RoomInfo): MatrixError {
  const message = `Your homeserver does not support the features required to interact with this room (version ${version.id})`;
  return new MatrixError(400, "M_INCOMPATIBLE_ROOM_VERSION", message, { room_version: version.id });
}
