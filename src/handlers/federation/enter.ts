import { MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { type BuiltEvent, buildEvent } from "../../rooms/buildEvent";
import { readTemplate } from "../../rooms/membershipTemplate";
import { type RoomVersion, roomVersion } from "../../rooms/versions";
import type { App } from "../app";
import { type Entering, type Template, askTemplate } from "./asks";

type EnterApp = Pick<App, "clock" | "federation" | "random" | "serverName" | "signingKey">;

/** A membership that one of our users wants in a room that others have to help with. */
export interface RemoteMembership {
  readonly roomId: string;
  readonly userId: string;
  readonly action: Entering;
  /** The member event's content, but for what only the other server knows. */
  readonly content: JsonObject;
}

/** Our signed member event, and the server whose template it fills. */
export interface FilledTemplate extends BuiltEvent {
  readonly version: RoomVersion;
  readonly host: string;
}

/** Has a server make a template of the member event, fills it in and signs it (server-server API, "Joining Rooms"). */
export async function fillTemplate(app: EnterApp, host: string, membership: RemoteMembership): Promise<FilledTemplate> {
  const { action, roomId, userId } = membership;
  const template = await askTemplate(app, host, action, roomId, userId);
  const version = versionOf(template);
  const proto = readTemplate(version, template.event, { roomId, userId, membership: action });
  if (!proto) throw new MatrixError(502, "M_UNKNOWN", `${host} answered with an event that was not asked for`);
  const built = buildEvent(
    version,
    {
      ...proto,
      content: { ...membership.content, ...proto.content },
      originServerTs: app.clock.now(),
      ...(version.eventIds === "opaque" && { eventId: `$${app.random.letters(32)}:${app.serverName}` }),
    },
    app.signingKey,
  );
  return { ...built, version, host };
}

function versionOf({ version: id = "1" }: Template): RoomVersion {
  const version = roomVersion(id);
  if (!version) throw new MatrixError(400, "M_UNSUPPORTED_ROOM_VERSION", `This server does not know room version ${id}`);
  return version;
}
