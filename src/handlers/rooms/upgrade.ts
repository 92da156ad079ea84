import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, forbidden, invalidParam, notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { own } from "../../lib/json";
import { isUserId } from "../../rooms/ids";
import { roomVersion } from "../../rooms/versions";
import type { RoomVersion } from "../../rooms/versions";
import { createWholeRoom } from "../../writers/eventsRpc";
import { sendEvent } from "./sendEvent";
import { sendIntent } from "../../writers/intents";
import type { SendIntent } from "../../writers/intents";
import { prepareEvent, storeRemoteEvent } from "../../writers/remoteRpc";
import type { CheckedPdu } from "../../writers/checkedPdu";
import type { App } from "../app";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";
import { currentEvent, isJoined, requireLevelFor, requireRoom } from "./access";
import { randomRoomId, signCreateEvent } from "./createRoom";
import { carryOver, moveListing } from "./followUpgrade";
import { profileFields } from "./memberContent";
import { closedLevels, copiedLevels, copiedState, readOldRoom } from "./upgradeState";
import type { OldRoom } from "./upgradeState";

export interface UpgradeRequest {
  readonly roomId: string;
  readonly newVersion: string;
  /** v12+: who has the creator's power besides the upgrader. */
  readonly additionalCreators: readonly string[];
}

interface Upgrade {
  readonly requester: Requester;
  readonly old: OldRoom;
  readonly version: RoomVersion;
  readonly additional: readonly string[];
}

/** Asking again within so many milliseconds gives the same room. */
const REPEAT_MS = 5 * 60_000;

/**
 * `POST /rooms/{roomId}/upgrade` (client-server API, "Room upgrades"): makes a room of another version that takes the place of this one.
 * Gives its id. 403 for who may not send the tombstone.
 */
export async function upgradeRoom(app: App, requester: Requester, request: UpgradeRequest): Promise<string> {
  const { userId } = requester;
  const version = roomVersion(request.newVersion);
  if (!version) throw new MatrixError(400, "M_UNSUPPORTED_ROOM_VERSION", "Your homeserver does not support this room version");
  if (request.additionalCreators.some((user) => !isUserId(user))) throw invalidParam("additional_creators must be user ids");
  const room = await requireRoom(app, request.roomId);
  if (!(await isJoined(app, userId, room))) throw forbidden(`User ${userId} not in room ${room.roomId}`);
  const earlier = await earlierReplacement(app, userId, room, version);
  if (earlier !== undefined) return earlier;
  limitUser(app, requester, "rc_message");
  if (requester.shadowBanned) return randomRoomId(app);
  await requireLevelFor(app, userId, room, "m.room.tombstone", "You cannot upgrade this room");
  const upgrade: Upgrade = {
    requester,
    old: await readOldRoom(app, room),
    version,
    additional: version.auth.creatorPower ? [...new Set(request.additionalCreators)] : [],
  };
  const replacement = await replace(app, upgrade);
  await moveListing(app, room, replacement);
  await Promise.all([closeOldRoom(app, upgrade), carryOver(app, userId, room.roomId, replacement.roomId)]);
  return replacement.roomId;
}

/** What the same user's last call has made, for clients that did not hear the answer. */
async function earlierReplacement(app: App, userId: string, room: RoomInfo, version: RoomVersion): Promise<string | undefined> {
  const tombstone = await currentEvent(app, room, "m.room.tombstone");
  if (!tombstone || tombstone.row.sender !== userId || app.clock.now() - tombstone.row.originServerTs > REPEAT_MS) return undefined;
  const roomId = own(tombstone.shown.content, "replacement_room");
  const replacement = typeof roomId === "string" ? await app.caches.rooms.byId(roomId) : undefined;
  return replacement?.version.id === version.id ? replacement.roomId : undefined;
}

/** Makes the new room, then ends the old one: who fails in between has lost nothing. */
async function replace(app: App, upgrade: Upgrade): Promise<RoomInfo> {
  const { version, old } = upgrade;
  const oldRoomId = old.room.roomId;
  if (version.roomIds === "createHash") {
    const roomId = await createReplacement(app, upgrade, { room_id: oldRoomId });
    await sendEvent(app, tombstoneIntent(upgrade, roomId));
    return requireReplacement(app, roomId);
  }
  // The create event names the tombstone, so that has to be built first.
  const roomId = randomRoomId(app);
  const tombstone = await prepareEvent(app, tombstoneIntent(upgrade, roomId));
  await createReplacement(app, upgrade, { room_id: oldRoomId, event_id: tombstone.eventId }, roomId);
  await storeTombstone(app, upgrade, roomId, tombstone);
  return requireReplacement(app, roomId);
}

async function requireReplacement(app: App, roomId: string): Promise<RoomInfo> {
  const room = await app.caches.rooms.byId(roomId);
  if (!room) throw notFound(`Unknown room ${roomId}`);
  return room;
}

function tombstoneIntent({ requester, old }: Upgrade, roomId: string): SendIntent {
  const content = { body: "This room has been replaced", replacement_room: roomId };
  return sendIntent({ roomId: old.room.roomId, sender: requester.userId, type: "m.room.tombstone", content }, { stateKey: "" });
}

/** The event that was built may have come too late for the room as it is now: then another one takes its place. */
async function storeTombstone(app: App, upgrade: Upgrade, roomId: string, tombstone: CheckedPdu): Promise<void> {
  const { kind } = await storeRemoteEvent(app, upgrade.old.room.roomId, tombstone);
  if (kind !== "stored" && kind !== "known") await sendEvent(app, tombstoneIntent(upgrade, roomId));
}

async function createReplacement(app: App, upgrade: Upgrade, predecessor: JsonObject, chosenId = ""): Promise<string> {
  const { requester, old, version, additional } = upgrade;
  const before = old.create.shown.content;
  const content: JsonObject = { predecessor };
  for (const key of ["type", "m.federate"]) if (own(before, key) !== undefined) content[key] = before[key];
  if (additional.length > 0) content["additional_creators"] = [...additional];
  const create = signCreateEvent(app, version, { sender: requester.userId, content, roomId: chosenId });
  await createWholeRoom(app, {
    roomId: create.roomId,
    version: version.id,
    creator: requester.userId,
    isPublic: false,
    createEvent: create.json,
    events: await firstEvents(app, upgrade, create.roomId),
  });
  return create.roomId;
}

async function firstEvents(app: App, { requester, old, version, additional }: Upgrade, roomId: string): Promise<SendIntent[]> {
  const { userId } = requester;
  const levels = copiedLevels(old, version, { upgrader: userId, additional });
  const event = (type: string, content: JsonObject, stateKey = ""): SendIntent =>
    sendIntent({ roomId, sender: userId, type, content }, { stateKey });
  const [profile, state] = await Promise.all([profileFields(app, userId), copiedState(app, old, version)]);
  return [
    event("m.room.member", { ...profile, membership: "join" }, userId),
    event("m.room.power_levels", levels.initial),
    ...state.map(({ type, stateKey, content }) => event(type, content, stateKey)),
    ...(levels.final ? [event("m.room.power_levels", levels.final)] : []),
  ];
}

/** Has the old room fall silent, as far as the upgrader may. */
async function closeOldRoom(app: App, { requester, old }: Upgrade): Promise<void> {
  const { room } = old;
  const alias = await currentEvent(app, room, "m.room.canonical_alias");
  const levels = closedLevels(await readOldRoom(app, room));
  const changes: [type: string, content: JsonObject][] = [
    ...(alias && Object.keys(alias.shown.content).length > 0 ? [["m.room.canonical_alias", {}] as [string, JsonObject]] : []),
    ...(levels ? [["m.room.power_levels", levels] as [string, JsonObject]] : []),
  ];
  for (const [type, content] of changes) {
    const intent = sendIntent({ roomId: room.roomId, sender: requester.userId, type, content }, { stateKey: "" });
    await sendEvent(app, intent).catch((error: unknown) =>
      app.log("synapse.handlers.room").info(`${requester.userId} cannot change ${type} of ${room.roomId} after its upgrade`, { error }),
    );
  }
}
