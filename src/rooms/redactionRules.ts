/** What one redaction algorithm keeps. Letters as in the table of algorithms: A is the oldest. */
export interface RedactionRules {
  readonly topLevel: ReadonlySet<string>;
  /** Kept keys of the content per event type; "all" keeps everything. Types that are not listed lose all content. */
  readonly content: Readonly<Record<string, readonly string[] | "all">>;
  /** v11+: of `third_party_invite` in member events, `signed` alone stays. */
  readonly keepsThirdPartySigned: boolean;
}

const ESSENTIAL = [
  ...["event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures"],
  ...["depth", "prev_events", "auth_events", "origin_server_ts"],
];
const LEVELS = ["ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"];

/** Versions 1 to 5 (specification: rooms/v1, "Redactions"). */
export const redactionA: RedactionRules = {
  topLevel: new Set([...ESSENTIAL, "prev_state", "origin", "membership"]),
  content: {
    "m.room.member": ["membership"],
    "m.room.create": ["creator"],
    "m.room.join_rules": ["join_rule"],
    "m.room.power_levels": LEVELS,
    "m.room.aliases": ["aliases"],
    "m.room.history_visibility": ["history_visibility"],
  },
  keepsThirdPartySigned: false,
};

const { "m.room.aliases": _aliases, ...contentB } = redactionA.content;

/** Versions 6 and 7: aliases are no longer protected. */
export const redactionB: RedactionRules = { ...redactionA, content: contentB };

/** Version 8: restricted rooms. */
export const redactionC: RedactionRules = { ...redactionB, content: { ...contentB, "m.room.join_rules": ["join_rule", "allow"] } };

/** Versions 9 and 10. */
export const redactionD: RedactionRules = {
  ...redactionC,
  content: { ...redactionC.content, "m.room.member": ["membership", "join_authorised_via_users_server"] },
};

/** Versions 11 and 12. */
export const redactionE: RedactionRules = {
  topLevel: new Set(ESSENTIAL),
  content: {
    ...redactionD.content,
    "m.room.create": "all",
    "m.room.power_levels": [...LEVELS, "invite"],
    "m.room.redaction": ["redacts"],
  },
  keepsThirdPartySigned: true,
};
