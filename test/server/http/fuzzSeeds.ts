import type { JsonObject, JsonValue } from "../../../src/lib/json";

type Names = Readonly<Record<string, string>>;

const signed = (user: string | undefined, more: JsonObject): JsonObject => ({
  ...more,
  signatures: { [user ?? ""]: { "ed25519:DEVICE": "c2lnbmF0dXJl" } },
});
const deviceKeys = ({ self = "" }: Names, deviceId = "DEVICE"): JsonObject =>
  signed(self, {
    user_id: self,
    device_id: deviceId,
    algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
    keys: { [`curve25519:${deviceId}`]: "x".repeat(43), [`ed25519:${deviceId}`]: "y".repeat(43) },
  });
const oneTimeKey = ({ self }: Names): JsonObject => signed(self, { key: "z".repeat(43) });
const crossKey = ({ self = "" }: Names, usage: string): JsonObject =>
  signed(self, { user_id: self, usage: [usage], keys: { [`ed25519:${"k".repeat(43)}`]: "k".repeat(43) } });
const filter = ({ room = "", user = "" }: Names): JsonObject => ({
  limit: 5,
  types: ["m.*"],
  not_types: ["m.x"],
  senders: [user],
  not_senders: [user],
  rooms: [room],
  not_rooms: ["!x:y"],
  contains_url: true,
  lazy_load_members: true,
  include_redundant_members: false,
  unread_thread_notifications: true,
  "org.matrix.labels": ["x"],
  related_by_senders: [user],
  related_by_rel_types: ["m.thread"],
});
const content = ({ event = "", user = "" }: Names): JsonObject[] => [
  {
    msgtype: "m.text",
    body: "hi",
    format: "org.matrix.custom.html",
    formatted_body: "<b>hi</b>",
    "m.mentions": { user_ids: [user], room: true },
  },
  { "m.relates_to": { rel_type: "m.thread", event_id: event, is_falling_back: true, "m.in_reply_to": { event_id: event } }, body: "x" },
  { "m.relates_to": { rel_type: "m.annotation", event_id: event, key: "👍" } },
  {
    "m.relates_to": { rel_type: "m.replace", event_id: event },
    "m.new_content": { body: "y", msgtype: "m.text" },
    body: "* y",
    msgtype: "m.text",
  },
];

/** Bodies of which a route's schema says too little. */
const seeds: Readonly<Record<string, (known: Names) => JsonValue[]>> = {
  "POST /_matrix/client/v3/keys/upload": (known) => [
    {
      device_keys: deviceKeys(known),
      one_time_keys: { "signed_curve25519:AAAA": oneTimeKey(known), "curve25519:B": "z".repeat(43) },
      fallback_keys: { "signed_curve25519:F": { ...oneTimeKey(known), fallback: true } },
    },
  ],
  "POST /_matrix/client/v3/keys/claim": ({ self = "" }) => [{ one_time_keys: { [self]: { DEVICE: "signed_curve25519" } }, timeout: 10 }],
  "POST /_matrix/client/v3/keys/device_signing/upload": (known) => [
    {
      master_key: crossKey(known, "master"),
      self_signing_key: crossKey(known, "self_signing"),
      user_signing_key: crossKey(known, "user_signing"),
      auth: { type: "m.login.password", session: "x", identifier: { type: "m.id.user", user: known["self"] ?? "" }, password: "p" },
    },
  ],
  "POST /_matrix/client/v3/keys/signatures/upload": (known) => [
    {
      [known["self"] ?? ""]: { DEVICE: deviceKeys(known), ["k".repeat(43)]: crossKey(known, "master") },
      [known["user"] ?? ""]: { x: crossKey(known, "master") },
    },
  ],
  "PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device": (known) => [
    {
      device_id: "DEHYDRATED",
      initial_device_display_name: "d",
      device_data: { algorithm: "org.matrix.msc3814.v2", device_pickle: "x", nonce: "y" },
      device_keys: deviceKeys(known, "DEHYDRATED"),
      one_time_keys: { "signed_curve25519:A": oneTimeKey(known) },
      fallback_keys: { "signed_curve25519:F": oneTimeKey(known) },
    },
  ],
  "PUT /_matrix/client/v3/sendToDevice/:eventType/:txnId": ({ self = "", user = "" }) => [
    { messages: { [self]: { "*": { a: 1 } }, [user]: { DEVICE: { body: "x" } } } },
  ],
  "POST /_matrix/client/v3/user/:userId/filter": (known) => [
    {
      room: {
        rooms: [known["room"] ?? ""],
        ...Object.fromEntries(["state", "timeline", "ephemeral", "account_data"].map((key) => [key, filter(known)])),
      },
      presence: filter(known),
      account_data: filter(known),
      event_fields: ["content.body", "type", "a\\.b"],
      event_format: "federation",
    },
  ],
  "POST /_matrix/client/v3/search": (known) => [
    {
      search_categories: {
        room_events: {
          search_term: "hello world",
          keys: ["content.body"],
          filter: filter(known),
          order_by: "rank",
          event_context: { before_limit: 1, after_limit: 1, include_profile: true },
          include_state: true,
          groupings: { group_by: [{ key: "room_id" }, { key: "sender" }] },
        },
      },
    },
  ],
  "PUT /_matrix/client/v3/pushrules/:path*": () => [
    {
      actions: ["notify", { set_tweak: "sound", value: "x" }],
      pattern: "a*b",
      conditions: [{ kind: "event_match", key: "content.body", pattern: "*" }],
    },
    {
      actions: ["notify"],
      conditions: [
        { kind: "room_member_count", is: ">=2" },
        { kind: "sender_notification_permission", key: "room" },
      ],
    },
    { enabled: true },
  ],
  "POST /_matrix/client/v3/pushers/set": () => [
    {
      kind: "http",
      app_id: "a",
      pushkey: "k",
      app_display_name: "A",
      device_display_name: "D",
      lang: "en",
      data: { url: "https://push.invalid/_matrix/push/v1/notify", format: "event_id_only" },
    },
    { kind: null, app_id: "a", pushkey: "k" },
  ],
  "PUT /_matrix/client/v3/user/:userId/account_data/:type": ({ user = "" }) => [{ ignored_users: { [user]: {} } }, { [user]: ["!x:y"] }],
  "PUT /_matrix/client/v3/profile/:userId/:field": () => [
    { displayname: "x" },
    { avatar_url: "mxc://a/b" },
    { text: "x" },
    { "m.tz": "Europe/London" },
  ],
  "PUT /_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId": content,
  "PUT /_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey": ({ self = "", room = "" }) => [
    { users: { [self]: 100 }, events: { x: 50 }, ban: 50, state_default: 50, notifications: { room: 50 } },
    { membership: "join", displayname: "x", avatar_url: "mxc://a/b", is_direct: true },
    { via: ["test.local"], order: "a", suggested: true },
    { join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: room }] },
    { alias: "#a:test.local", alt_aliases: ["#b:test.local"] },
  ],
  "POST /_matrix/client/v3/createRoom": ({ user = "" }) => [
    {
      room_version: "11",
      creation_content: { type: "m.space", "m.federate": true, predecessor: { room_id: "!x:y" }, additional_creators: [user] },
      initial_state: [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } }],
      power_level_content_override: { users: { [user]: 50 }, events_default: 0 },
      preset: "trusted_private_chat",
      is_direct: true,
      invite: [user],
      name: "n",
      topic: "t",
    },
  ],
  "POST /_matrix/client/v3/register": () => [
    {
      username: "new",
      password: "p4ssw0rd!",
      auth: { type: "m.login.dummy" },
      device_id: "D",
      initial_device_display_name: "d",
      inhibit_login: true,
      refresh_token: true,
    },
  ],
  "POST /_matrix/client/v3/account/password": ({ self = "" }) => [
    {
      new_password: "p4ssw0rd!",
      logout_devices: false,
      auth: { type: "m.login.password", identifier: { type: "m.id.user", user: self }, password: "x" },
    },
  ],
  "PUT /_synapse/admin/v2/users/:userId": () => [
    {
      displayname: "x",
      password: "p",
      admin: false,
      deactivated: false,
      locked: false,
      user_type: null,
      avatar_url: "mxc://a/b",
      threepids: [{ medium: "email", address: "a@b.c" }],
      external_ids: [{ auth_provider: "oidc", external_id: "1" }],
      logout_devices: true,
      approved: true,
    },
  ],
  "POST /_synapse/admin/v1/registration_tokens/new": () => [{ token: "abc", length: 8, uses_allowed: 3, expiry_time: 99_999_999_999_999 }],
  "PUT /_synapse/admin/v1/registration_tokens/:token": () => [{ uses_allowed: 3, expiry_time: 99_999_999_999_999 }],
};

/** Aliases and routes of like bodies share seeds. */
const alike: Readonly<Record<string, string>> = {
  "POST /_matrix/client/v3/keys/upload/:deviceId": "POST /_matrix/client/v3/keys/upload",
  "PUT /_matrix/client/v3/user/:userId/rooms/:roomId/account_data/:type": "PUT /_matrix/client/v3/user/:userId/account_data/:type",
  "POST /_matrix/client/v3/rooms/:roomId/send/:eventType": "PUT /_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId",
  "PUT /_matrix/client/v3/rooms/:roomId/state/:eventType": "PUT /_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey",
};

export const seedsOf = (route: string, known: Names): JsonValue[] => seeds[alike[route] ?? route]?.(known) ?? [];
