import type { JsonObject, JsonValue } from "../../lib/json";
import { isJsonObject } from "../../lib/json";
import type { RoomVersion } from "../../rooms/versions";

export type PresetName = "private_chat" | "trusted_private_chat" | "public_chat";

/** What a preset of createRoom decides (client-server API, "Creation"). */
export interface Preset {
  readonly joinRule: string;
  readonly historyVisibility: string;
  readonly guestsCanJoin: boolean;
  /** Level needed to invite. */
  readonly invite: number;
  /** Invitees get the creator's power. */
  readonly trustInvitees: boolean;
  readonly events: Readonly<Record<string, number>>;
}

const privateChat: Preset = {
  joinRule: "invite",
  historyVisibility: "shared",
  guestsCanJoin: true,
  invite: 0,
  trustInvitees: false,
  events: {},
};

export const presets: Readonly<Record<PresetName, Preset>> = {
  private_chat: privateChat,
  trusted_private_chat: { ...privateChat, trustInvitees: true },
  public_chat: {
    joinRule: "public",
    historyVisibility: "shared",
    guestsCanJoin: false,
    invite: 50,
    trustInvitees: false,
    events: { "m.call.invite": 50 },
  },
};

const CREATOR_LEVEL = 100;
/** v12: only creators may end the room unless they say otherwise, so the level lies above every other default. */
const CREATOR_TOMBSTONE_LEVEL = 150;

/** The content of the first power levels event. `override` replaces top-level keys. */
export function powerLevelsContent(
  version: RoomVersion,
  preset: Preset,
  people: { readonly creator: string; readonly invitees: readonly string[] },
  overrides: readonly (JsonObject | undefined)[],
): JsonObject {
  const powerful = version.auth.creatorPower ? [] : [people.creator, ...(preset.trustInvitees ? people.invitees : [])];
  const content: JsonObject = {
    users: Object.fromEntries(powerful.map((userId) => [userId, CREATOR_LEVEL])),
    users_default: 0,
    events: {
      "m.room.name": 50,
      "m.room.power_levels": 100,
      "m.room.history_visibility": 100,
      "m.room.canonical_alias": 50,
      "m.room.avatar": 50,
      "m.room.tombstone": version.auth.creatorPower ? CREATOR_TOMBSTONE_LEVEL : 100,
      "m.room.server_acl": 100,
      "m.room.encryption": 100,
      ...preset.events,
    },
    events_default: 0,
    state_default: 50,
    ban: 50,
    kick: 50,
    redact: 50,
    invite: preset.invite,
    historical: 100,
  };
  return Object.assign(content, ...overrides.filter((override) => override !== undefined));
}

/** The defaults of the configuration for a preset (`default_power_level_content_override`). */
export function configuredOverride(setting: JsonValue | undefined, preset: PresetName): JsonObject | undefined {
  if (!isJsonObject(setting)) return undefined;
  const override = setting[preset];
  return isJsonObject(override) ? override : undefined;
}
