import type { TemplateValues } from "../../handlers/templates/names";
import { escapeHtml } from "../../lib/html";
import { own } from "../../lib/json";
import type { MailThrottle } from "../../storage/mailThrottles";
import type { UnreadEvent } from "./composeMail";
import type { MailMessage, MailRoom } from "./mailText";
import { roomTitle } from "./mailText";
import type { PushContext } from "./notification";

/** A room of a mail, with what it was made of: the three lists are parallel. */
export interface ToldRoom {
  readonly room: MailRoom;
  readonly items: readonly UnreadEvent[];
  readonly contexts: readonly PushContext[];
  /** Where each event is shown. */
  readonly links: readonly string[];
}

export interface MailReason {
  readonly item: UnreadEvent;
  readonly throttle: MailThrottle | undefined;
  readonly now: number;
  /** ms */
  readonly delay: number;
}

/** A number by which templates choose among some pictures, always the same for one id. */
const hashOf = (id: string): number => [...id].reduce((total, character) => total + (character.codePointAt(0) ?? 0), 0);

/**
 * What `notif_mail.html` and `.txt` are given, as Synapse documents it (docs/templates.md, "Email templates"). Messages before and after
 * are left out. `body_text_html` is markup, made from plain text alone.
 */
export function activityValues(rooms: readonly ToldRoom[], reason: MailReason): TemplateValues {
  const { item, throttle, now, delay } = reason;
  return {
    rooms: rooms.map(roomValues),
    reason: {
      room_id: item.event.room.roomId,
      room_name: rooms[0] ? roomTitle(rooms[0].room) : "",
      now,
      received_at: item.receivedTs,
      delay_before_mail_ms: delay,
      last_sent_ts: throttle?.lastSentTs ?? null,
      throttle_ms: throttle?.throttleMs ?? 0,
    },
  };
}

function roomValues({ room, items, contexts, links }: ToldRoom): TemplateValues {
  const notifs = items.map((item, i) => ({
    link: links[i] ?? room.link,
    ts: item.receivedTs,
    messages: [messageValues(item, room.messages[i], contexts[i])],
  }));
  return {
    title: roomTitle(room),
    hash: hashOf(items[0]?.event.room.roomId ?? ""),
    invite: room.isInvite,
    notifs: room.isInvite ? [] : notifs,
    link: room.link,
    avatar_url: contexts.at(-1)?.roomAvatar ?? null,
  };
}

function messageValues({ event }: UnreadEvent, message: MailMessage | undefined, context: PushContext | undefined): TemplateValues {
  const { content, type } = event.shown;
  const [msgtype, url] = [own(content, "msgtype"), own(content, "url")];
  const body = message?.text;
  const shown = body ?? "sent a message";
  return {
    event_type: type,
    is_historical: false,
    id: event.row.eventId,
    ts: event.row.originServerTs,
    sender_name: message?.sender ?? event.sender,
    sender_avatar_url: context?.senderAvatar ?? null,
    sender_hash: hashOf(event.sender),
    msgtype: body === undefined ? "m.text" : typeof msgtype === "string" ? msgtype : null,
    body_text_html: escapeHtml(shown).replaceAll("\n", "<br>"),
    body_text_plain: shown,
    image_url: body !== undefined && msgtype === "m.image" && typeof url === "string" ? url : null,
  };
}
