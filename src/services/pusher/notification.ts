import { isJsonObject } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import type { RoomEvent } from "../../rooms/event";
import type { Action } from "../../rooms/push/rules";
import type { Pusher } from "../../storage/pushers";

/** What is told beside the event itself. */
export interface PushContext {
  readonly senderName: string;
  readonly roomName: string | undefined;
  readonly roomAlias: string | undefined;
  /** `mxc:` URIs. */
  readonly senderAvatar: string | undefined;
  readonly roomAvatar: string | undefined;
}

export interface NotificationParts {
  readonly event: Pick<RoomEvent, "eventId" | "roomId" | "type" | "sender" | "stateKey" | "content">;
  readonly actions: readonly Action[];
  /** Unread notifications; undefined where the pusher wants to hear of none (MSC4076). */
  readonly badge: number | undefined;
  readonly context: PushContext;
  /** `push.include_content`. */
  readonly content: "include" | "omit";
}

type Target = Pick<Pusher, "userId" | "appId" | "pushkey" | "createdTs" | "data">;

/** `set_tweak` actions by name; a highlight without a value means true (push module, "Actions"). */
export function tweaksOf(actions: readonly Action[]): JsonObject {
  const tweaks: [string, JsonObject[string]][] = [];
  for (const action of actions) {
    if (!isJsonObject(action) || typeof action["set_tweak"] !== "string") continue;
    const { set_tweak: name, value } = action;
    if (value !== undefined) tweaks.push([name, value]);
    else if (name === "highlight") tweaks.push([name, true]);
  }
  return Object.fromEntries(tweaks);
}

/** Without the address of the gateway (push gateway API, "PusherData"). */
function deviceOf({ appId, pushkey, createdTs, data }: Target): JsonObject {
  const { url: _, ...rest } = data;
  return { app_id: appId, pushkey, pushkey_ts: Math.floor(createdTs / 1_000), data: rest };
}

const countsOf = (badge: number | undefined): JsonObject => (badge === undefined ? {} : { counts: { unread: badge } });

/** What rings wakes the phone at once; of what is encrypted only the phone can tell. */
function priorityOf(type: string, tweaks: JsonObject): "high" | "low" {
  const rings = type === "m.room.encrypted" || Boolean(tweaks["highlight"]) || Boolean(tweaks["sound"]);
  return rings ? "high" : "low";
}

/** Tells a gateway of an event (push gateway API, "POST /notify"), in the format that the pusher asks for. */
export function eventNotification(pusher: Target, { event, actions, badge, context, content }: NotificationParts): JsonObject {
  const tweaks = tweaksOf(actions);
  const notification: JsonObject = {
    event_id: event.eventId,
    room_id: event.roomId,
    prio: priorityOf(event.type, tweaks),
    ...countsOf(badge),
    devices: [{ ...deviceOf(pusher), tweaks }],
  };
  if (pusher.data["format"] === "event_id_only") return { notification };
  // Gateways of old ask for the event under `id`.
  Object.assign(notification, { id: event.eventId, type: event.type, sender: event.sender, sender_display_name: context.senderName });
  if (event.type === "m.room.member" && event.stateKey !== undefined) {
    notification["membership"] = event.content["membership"];
    notification["user_is_target"] = event.stateKey === pusher.userId;
  }
  if (context.roomName !== undefined) notification["room_name"] = context.roomName;
  if (context.roomAlias !== undefined) notification["room_alias"] = context.roomAlias;
  if (content === "include" && Object.keys(event.content).length > 0) notification["content"] = event.content;
  return { notification };
}

/** Tells how many notifications are unread, of no event. Zero is told too: it takes the number off the icon. */
export function badgeNotification(pusher: Target, badge: number): JsonObject {
  return { notification: { ...countsOf(badge), devices: [deviceOf(pusher)] } };
}
