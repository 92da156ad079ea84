import type { StoredEvent } from "../../caches/events";
import type { UserRoom } from "../../caches/memberships";
import type { JsonObject } from "../../lib/json";
import { type BuiltEvent, buildEvent } from "../../rooms/buildEvent";
import type { RoomInfo } from "../../caches/rooms";
import { notFound } from "../../errors";
import { refOf } from "../../writers/roomTip";
import type { SentEvent } from "../../writers/intents";
import { storeOutOfBand } from "../../writers/remoteRpc";
import type { App } from "../app";
import { sendLeave } from "./asks";
import { type RemoteMembership, fillTemplate } from "./enter";
import { sentOf } from "./outcomes";
import { askInTurn } from "./servers";

/**
 * Declines an invitation, or takes back a knock, in a room that nobody of this server is in (server-server API, "Leaving Rooms (Rejecting
 * Invites)"). Where the room's servers don't help, the user is rid of it all the same: the leave is then known here alone.
 */
export async function leaveRemotely(
  app: App,
  hosts: readonly string[],
  room: RoomInfo | undefined,
  place: UserRoom | undefined,
  membership: RemoteMembership,
): Promise<SentEvent> {
  if (!room || !place) throw notFound("Can't leave a room that you are not in");
  const leave = (await sentLeave(app, hosts, membership)) ?? (await ownLeave(app, room, place, membership));
  const { eventId } = leave.event;
  const event = { eventId, json: leave.json };
  return sentOf(app, eventId, await storeOutOfBand(app, { roomId: room.roomId, version: room.version.id, event, strippedState: [] }));
}

async function sentLeave(app: App, hosts: readonly string[], membership: RemoteMembership): Promise<BuiltEvent | undefined> {
  try {
    return await askInTurn(hosts, "leave the room", async (host) => {
      const leave = await fillTemplate(app, host, membership);
      await sendLeave(app, host, membership.roomId, leave.event.eventId, leave.json);
      return leave;
    });
  } catch (error) {
    app.log("synapse.handlers.room_member").warn("no server helps to leave a room", { roomId: membership.roomId, error });
    return undefined;
  }
}

/** A leave that rests on the invitation alone. */
async function ownLeave(app: App, room: RoomInfo, place: UserRoom, { roomId, userId, content }: RemoteMembership): Promise<BuiltEvent> {
  const invite = (await app.caches.events.byNids([place.eventNid])).get(place.eventNid);
  if (!invite) throw notFound("The invitation is not known");
  return buildEvent(
    room.version,
    {
      type: "m.room.member",
      sender: userId,
      roomId,
      stateKey: userId,
      content: leaveContent(content),
      originServerTs: app.clock.now(),
      depth: invite.event.depth + 1,
      prevEvents: [refOf(invite)],
      authEvents: await authOf(app, invite),
      ...(room.version.eventIds === "opaque" && { eventId: `$${app.random.letters(32)}:${app.serverName}` }),
    },
    app.signingKey,
  );
}

const leaveContent = (content: JsonObject): JsonObject => ({ ...content, membership: "leave" });

/** The invitation and, of what it rests on, whatever is known here. */
async function authOf(app: App, invite: StoredEvent) {
  const known = await app.caches.events.byIds(invite.event.authEvents);
  const kept = [...known.values()].filter(({ row }) => row.type !== "m.room.member" && row.type !== "m.room.join_rules");
  return [...kept, invite].map(refOf);
}
