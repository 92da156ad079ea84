import { badgeNotification, eventNotification, tweaksOf } from "../../../src/services/pusher/notification";
import type { NotificationParts } from "../../../src/services/pusher/notification";

const pusher = {
  userId: "@alice:x",
  appId: "app",
  pushkey: "key",
  createdTs: 12_345_678,
  data: { url: "https://x/_matrix/push/v1/notify", brand: "b" },
};
const event = { eventId: "$e", roomId: "!r:x", type: "m.room.message", sender: "@bob:x", stateKey: undefined, content: { body: "hi" } };
const context = { senderName: "Bob", roomName: undefined, roomAlias: undefined, senderAvatar: undefined, roomAvatar: undefined };
const make = (parts: Partial<NotificationParts>) =>
  eventNotification(pusher, { event, actions: ["notify"], badge: 1, context, content: "include", ...parts }).notification;

test.each<[string, Parameters<typeof tweaksOf>[0], object]>([
  ["nothing", ["notify"], {}],
  ["a highlight without a value", [{ set_tweak: "highlight" }], { highlight: true }],
  ["a sound without a value", [{ set_tweak: "sound" }], {}],
  [
    "values of any kind",
    [
      { set_tweak: "sound", value: "ring" },
      { set_tweak: "x", value: { y: 1 } },
    ],
    { sound: "ring", x: { y: 1 } },
  ],
])("tweaks: %s", (_, actions, tweaks) => expect(tweaksOf(actions)).toEqual(tweaks));

test.each<[string, Partial<NotificationParts>, string]>([
  ["quiet", {}, "low"],
  ["a sound", { actions: ["notify", { set_tweak: "sound", value: "default" }] }, "high"],
  ["no highlight", { actions: ["notify", { set_tweak: "highlight", value: false }] }, "low"],
  ["a highlight", { actions: ["notify", { set_tweak: "highlight" }] }, "high"],
  ["encrypted", { event: { ...event, type: "m.room.encrypted" } }, "high"],
])("priority: %s", (_, parts, prio) => expect(make(parts)).toMatchObject({ prio }));

test("content goes along only where the operator allows it", () => {
  expect(make({})).toMatchObject({ content: { body: "hi" } });
  expect(make({ content: "omit" })).not.toHaveProperty("content");
});

test("member events say whom they are about", () => {
  const member = { ...event, type: "m.room.member", content: { membership: "invite" } };
  expect(make({ event: { ...member, stateKey: "@alice:x" } })).toMatchObject({ membership: "invite", user_is_target: true });
  expect(make({ event: { ...member, stateKey: "@carol:x" } })).toMatchObject({ user_is_target: false });
  expect(make({ event: member })).not.toHaveProperty("user_is_target");
});

test("devices are told all of the pusher's data but the address of its gateway", () => {
  expect(badgeNotification(pusher, 0)).toEqual({
    notification: { counts: { unread: 0 }, devices: [{ app_id: "app", pushkey: "key", pushkey_ts: 12_345, data: { brand: "b" } }] },
  });
  expect(pusher.data.url).toBeDefined();
});
