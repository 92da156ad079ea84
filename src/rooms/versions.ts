import { type RedactionRules, redactionA, redactionB, redactionC, redactionD, redactionE } from "./redactionRules";

/** Everything that a room version decides, as data. Code asks for a flag, never for a version number. */
export interface RoomVersion {
  readonly id: string;
  readonly disposition: "stable" | "unstable";
  /** How prev_events and auth_events refer to events: pairs of id and hashes (1, 2) or plain ids (3+). */
  readonly eventRefs: "pairs" | "ids";
  /** `opaque`: carried in the event; otherwise the reference hash in standard (3) or URL-safe (4+) base64. */
  readonly eventIds: "opaque" | "base64" | "base64url";
  /** `createHash` (12): the create event's id with `!`; the create event itself has no room_id. */
  readonly roomIds: "opaque" | "createHash";
  /** The largest depth, in digits: beyond 2^53 it is no number of JavaScript's. */
  readonly depthCap: "9223372036854775807" | "9007199254740991";
  /** v6+: what is not canonical JSON is not an event. */
  readonly canonicalJsonEnforced: boolean;
  /** v5+: a signature counts only if its key was valid at origin_server_ts. */
  readonly keyValidityEnforced: boolean;
  readonly stateResolution: "v1" | "v2" | "v2.1";
  readonly redaction: RedactionRules;
  /** Where a redaction names its target. */
  readonly redactsIn: "topLevel" | "content";
  readonly auth: AuthFlags;
  readonly levels: LevelFlags;
}

export interface AuthFlags {
  /** v1-2: whether a redaction is permitted is an auth rule; v3+: checked when the redaction is applied. */
  readonly redactionRule: boolean;
  /** v1-5: m.room.aliases passes by its state key alone. */
  readonly aliasesRule: boolean;
  readonly knocking: boolean;
  readonly restrictedJoins: boolean;
  readonly knockRestricted: boolean;
  /** v1-10: content.creator; v11+: the sender of the create event. */
  readonly creator: "content" | "sender";
  /** v12: the creators, additional ones included, outrank every level. */
  readonly creatorPower: boolean;
  /** v1-11: the create event must be among the auth events; v12: must not. */
  readonly createInAuthEvents: boolean;
  /** MSC3757: a state key may be a user id followed by an underscore and anything. */
  readonly ownedState: boolean;
}

export interface LevelFlags {
  readonly acceptsStrings: boolean;
  readonly acceptsFloats: boolean;
  /** v10+: any value that is not an integer makes the event fail. */
  readonly enforcesIntegers: boolean;
  /** v6+: changes of `notifications` are checked like those of `events`. */
  readonly guardsNotifications: boolean;
}

const v1 = {
  id: "1",
  disposition: "stable",
  eventRefs: "pairs",
  eventIds: "opaque",
  roomIds: "opaque",
  depthCap: "9223372036854775807",
  canonicalJsonEnforced: false,
  keyValidityEnforced: false,
  stateResolution: "v1",
  redaction: redactionA,
  redactsIn: "topLevel",
  auth: {
    redactionRule: true,
    aliasesRule: true,
    knocking: false,
    restrictedJoins: false,
    knockRestricted: false,
    creator: "content",
    creatorPower: false,
    createInAuthEvents: true,
    ownedState: false,
  },
  levels: { acceptsStrings: true, acceptsFloats: true, enforcesIntegers: false, guardsNotifications: false },
} satisfies RoomVersion;

const v2 = { ...v1, id: "2", stateResolution: "v2" } satisfies RoomVersion;
const v3 = { ...v2, id: "3", eventRefs: "ids", eventIds: "base64", auth: { ...v2.auth, redactionRule: false } } satisfies RoomVersion;
const v4 = { ...v3, id: "4", eventIds: "base64url" } satisfies RoomVersion;
const v5 = { ...v4, id: "5", keyValidityEnforced: true } satisfies RoomVersion;
const v6 = {
  ...v5,
  id: "6",
  depthCap: "9007199254740991",
  canonicalJsonEnforced: true,
  redaction: redactionB,
  auth: { ...v5.auth, aliasesRule: false },
  levels: { ...v5.levels, acceptsFloats: false, guardsNotifications: true },
} satisfies RoomVersion;
const v7 = { ...v6, id: "7", auth: { ...v6.auth, knocking: true } } satisfies RoomVersion;
const v8 = { ...v7, id: "8", redaction: redactionC, auth: { ...v7.auth, restrictedJoins: true } } satisfies RoomVersion;
const v9 = { ...v8, id: "9", redaction: redactionD } satisfies RoomVersion;
const v10 = {
  ...v9,
  id: "10",
  auth: { ...v9.auth, knockRestricted: true },
  levels: { ...v9.levels, acceptsStrings: false, enforcesIntegers: true },
} satisfies RoomVersion;
const v11 = {
  ...v10,
  id: "11",
  redaction: redactionE,
  redactsIn: "content",
  auth: { ...v10.auth, creator: "sender" },
} satisfies RoomVersion;
const v12 = {
  ...v11,
  id: "12",
  roomIds: "createHash",
  stateResolution: "v2.1",
  auth: { ...v11.auth, creatorPower: true, createInAuthEvents: false },
} satisfies RoomVersion;

const owned10 = {
  ...v10,
  id: "org.matrix.msc3757.10",
  disposition: "unstable",
  auth: { ...v10.auth, ownedState: true },
} satisfies RoomVersion;
const owned11 = {
  ...v11,
  id: "org.matrix.msc3757.11",
  disposition: "unstable",
  auth: { ...v11.auth, ownedState: true },
} satisfies RoomVersion;
const hydra11 = { ...v12, id: "org.matrix.hydra.11", disposition: "unstable" } satisfies RoomVersion;

const all: readonly RoomVersion[] = [v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, owned10, owned11, hydra11];

/** All versions that this server can host, by id. There is no order among ids. */
export const roomVersions: ReadonlyMap<string, RoomVersion> = new Map(all.map((version) => [version.id, version]));

/** The version with that id, or undefined when this server cannot host it. A create event without one means "1". */
export function roomVersion(id: string): RoomVersion | undefined {
  return roomVersions.get(id);
}
