import { MatrixError, badJson, forbidden, invalidParam } from "../../errors";
import { isCanonicalValue } from "../../lib/canonicalJson";
import type { JsonObject } from "../../lib/json";
import { own } from "../../lib/json";
import { buildEvent } from "../../rooms/buildEvent";
import { isUserId } from "../../rooms/ids";
import { roomVersion } from "../../rooms/versions";
import type { RoomVersion } from "../../rooms/versions";
import { createWholeRoom } from "../../writers/eventsRpc";
import { sendIntent } from "../../writers/intents";
import type { SendIntent } from "../../writers/intents";
import type { App } from "../app";
import { requireServed } from "../auth/served";
import { requireConsent } from "../consent/required";
import type { Requester } from "../requester";
import { claimAlias, releaseAlias } from "./aliases";
import { changeMembership } from "./membership";
import { inviteByThirdPartyId } from "./thirdPartyInvites";
import type { ThirdPartyInvite } from "./thirdPartyInvites";
import { profileFields } from "./memberContent";
import { configuredOverride, powerLevelsContent, presets } from "./presets";
import type { PresetName } from "./presets";

export interface CreateRoomRequest {
  readonly visibility?: "public" | "private" | undefined;
  readonly roomAliasName?: string | undefined;
  readonly name?: string | undefined;
  readonly topic?: string | undefined;
  readonly invite?: readonly string[] | undefined;
  readonly invite3pid?: readonly ThirdPartyInvite[] | undefined;
  readonly roomVersion?: string | undefined;
  readonly creationContent?: JsonObject | undefined;
  readonly initialState?:
    readonly { readonly type: string; readonly stateKey?: string | undefined; readonly content: JsonObject }[] | undefined;
  readonly preset?: PresetName | undefined;
  readonly isDirect?: boolean | undefined;
  readonly powerLevelContentOverride?: JsonObject | undefined;
}

/** What every createRoom needs to know before the first event. */
interface Plan {
  readonly request: CreateRoomRequest;
  readonly requester: Requester;
  readonly version: RoomVersion;
  readonly presetName: PresetName;
  readonly invitees: readonly string[];
  readonly alias: string | undefined;
}

/**
 * Makes a room (client-server API, "Creation"). All of its first events are stored in one transaction or none; invitations
 * follow one by one. Answers the room id and the alias, if one was asked for.
 */
export async function createRoom(
  app: App,
  requester: Requester,
  request: CreateRoomRequest,
): Promise<{ roomId: string; roomAlias: string | undefined }> {
  const plan = planOf(app, requester, request);
  await requireServed(app, requester);
  await requireConsent(app, requester, { kind: "event" });
  const roomId = await makeRoom(app, plan);
  for (const userId of plan.invitees) {
    await changeMembership(app, requester, {
      roomId,
      target: userId,
      action: "invite",
      content: request.isDirect ? { is_direct: true } : {},
      exemptFromLimits: true,
    });
  }
  for (const invite of request.invite3pid ?? []) await inviteByThirdPartyId(app, requester, roomId, invite);
  return { roomId, roomAlias: plan.alias };
}

/** Rooms of one creator in one millisecond that differ in nothing else. */
const MAX_TWINS = 100;

/** Stores the first events. Where the id is a hash of the create event, a twin made in the same millisecond has it: then a later time is tried. */
async function makeRoom(app: App, plan: Plan): Promise<string> {
  for (let later = 0; ; later++) {
    const create = buildCreate(app, plan, later);
    try {
      await storeRoom(app, plan, create);
      return create.roomId;
    } catch (error) {
      const hasTwin = plan.version.roomIds !== "opaque" && error instanceof MatrixError && error.status === 409;
      if (!hasTwin || later === MAX_TWINS) throw error;
    }
  }
}

async function storeRoom(app: App, plan: Plan, { roomId, json }: { readonly roomId: string; readonly json: string }): Promise<void> {
  const { requester, alias } = plan;
  if (alias !== undefined) await claimAlias(app, requester, alias, roomId);
  try {
    const events = await firstEvents(app, plan, roomId);
    await createWholeRoom(app, {
      roomId,
      version: plan.version.id,
      creator: requester.userId,
      isPublic: plan.request.visibility === "public",
      createEvent: json,
      events,
    });
  } catch (error) {
    if (alias !== undefined) await releaseAlias(app, alias, roomId);
    throw error;
  }
}

function planOf(app: App, requester: Requester, request: CreateRoomRequest): Plan {
  const versionId = request.roomVersion ?? app.config.default_room_version;
  const version = roomVersion(versionId);
  if (!version) throw new MatrixError(400, "M_UNSUPPORTED_ROOM_VERSION", `Room version ${versionId} is not supported`);
  const invitees = [...new Set(request.invite ?? [])];
  for (const userId of invitees) if (!isUserId(userId)) throw invalidParam(`Invalid user_id: ${String(userId).slice(0, 300)}`);
  if (invitees.length > 0 && app.config.block_non_admin_invites && !requester.isAdmin) {
    throw forbidden("Invites have been disabled on this server");
  }
  const { roomAliasName } = request;
  const alias = roomAliasName === undefined ? undefined : `#${roomAliasName}:${app.serverName}`;
  if (roomAliasName !== undefined && /[:#\s\u0000]/.test(roomAliasName)) throw invalidParam("Invalid characters in room alias");
  const presetName = request.preset ?? (request.visibility === "public" ? "public_chat" : "private_chat");
  for (const content of [
    request.creationContent,
    request.powerLevelContentOverride,
    ...(request.initialState ?? []).map((e) => e.content),
  ]) {
    if (content && version.canonicalJsonEnforced && !isCanonicalValue(content)) throw badJson("Event content is not canonical JSON");
  }
  return { request, requester, version, presetName, invitees, alias };
}

/** What a create event is made of, besides what its room version demands. */
export interface CreateEventFields {
  readonly sender: string;
  readonly content: JsonObject;
  /** For versions in which the id is no hash of the event. */
  readonly roomId: string;
  /** Milliseconds to add to the present time. */
  readonly later?: number;
}

/** A random id for a room whose version does not derive it from the create event. */
export const randomRoomId = (app: Pick<App, "random" | "serverName">): string => `!${app.random.letters(18)}:${app.serverName}`;

/** Signs a create event, which in version 12 gives the room its id. */
export function signCreateEvent(
  app: Pick<App, "clock" | "random" | "serverName" | "signingKey">,
  version: RoomVersion,
  fields: CreateEventFields,
): { roomId: string; json: string } {
  const content: JsonObject = { ...fields.content, room_version: version.id };
  if (version.auth.creator === "content") content["creator"] = fields.sender;
  else delete content["creator"];
  const { event, json } = buildEvent(
    version,
    {
      type: "m.room.create",
      sender: fields.sender,
      stateKey: "",
      content,
      originServerTs: app.clock.now() + (fields.later ?? 0),
      depth: 1,
      prevEvents: [],
      authEvents: [],
      ...(version.roomIds === "opaque" && { roomId: fields.roomId }),
      ...(version.eventIds === "opaque" && { eventId: `$${app.random.letters(32)}:${app.serverName}` }),
    },
    app.signingKey,
  );
  return { roomId: event.roomId, json };
}

function buildCreate(app: App, plan: Plan, later: number): { roomId: string; json: string } {
  const { version, requester, request, invitees } = plan;
  const content: JsonObject = { ...request.creationContent };
  if (version.auth.creatorPower && presets[plan.presetName].trustInvitees && invitees.length > 0) {
    const given = own(content, "additional_creators");
    content["additional_creators"] = [...new Set([...(Array.isArray(given) ? given : []), ...invitees])];
  }
  return signCreateEvent(app, version, { sender: requester.userId, content, roomId: randomRoomId(app), later });
}

/** Everything after the create event, in Synapse's order. Explicit initial state takes the place of what a preset would set. */
async function firstEvents(app: App, plan: Plan, roomId: string): Promise<SendIntent[]> {
  const { request, requester, version, presetName, invitees, alias } = plan;
  const preset = presets[presetName];
  const given = new Set((request.initialState ?? []).filter((e) => (e.stateKey ?? "") === "").map((e) => e.type));
  const events: SendIntent[] = [];
  const add = (type: string, content: JsonObject, stateKey = ""): void => {
    events.push(sendIntent({ roomId, sender: requester.userId, type, content }, { stateKey }));
  };
  const addUnlessGiven = (type: string, content: JsonObject): void => {
    if (!given.has(type)) add(type, content);
  };

  add("m.room.member", { ...(await profileFields(app, requester.userId)), membership: "join" }, requester.userId);
  const configured = configuredOverride(app.config.default_power_level_content_override as JsonObject | undefined, presetName);
  const levels = powerLevelsContent(version, preset, { creator: requester.userId, invitees }, [
    configured,
    request.powerLevelContentOverride,
  ]);
  addUnlessGiven("m.room.power_levels", levels);
  if (alias !== undefined) addUnlessGiven("m.room.canonical_alias", { alias });
  addUnlessGiven("m.room.join_rules", { join_rule: preset.joinRule });
  addUnlessGiven("m.room.history_visibility", { history_visibility: preset.historyVisibility });
  if (preset.guestsCanJoin) addUnlessGiven("m.room.guest_access", { guest_access: "can_join" });
  for (const { type, stateKey, content } of request.initialState ?? []) {
    if (type === "m.room.create" || (type === "m.room.member" && stateKey === requester.userId)) continue;
    add(type, content, stateKey ?? "");
  }
  if (encryptedByDefault(app, presetName)) addUnlessGiven("m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" });
  if (request.name !== undefined && request.name !== "") add("m.room.name", { name: request.name });
  if (request.topic !== undefined && request.topic !== "") {
    add("m.room.topic", { topic: request.topic, "m.topic": { "m.text": [{ body: request.topic, mimetype: "text/plain" }] } });
  }
  return events;
}

function encryptedByDefault(app: App, preset: PresetName): boolean {
  const setting = app.config.encryption_enabled_by_default_for_room_type;
  return setting === "all" || (setting === "invite" && preset !== "public_chat");
}
