import { loadReadPositions } from "../../caches/readPositions";
import type { StoredEvent } from "../../caches/events";
import { unsubscribeLink } from "../../handlers/push/unsubscribe";
import type { TemplateValues } from "../../handlers/templates/names";
import { own } from "../../lib/json";
import type { Mail } from "../../remote/mailer";
import { getProfiles } from "../../storage/profiles";
import type { NotificationRow } from "../../storage/notifications";
import type { Pusher } from "../../storage/pushers";
import type { ComposeApp } from "./compose";
import { pushContext } from "./context";
import { mailHtml, mailSubject, mailText } from "./mailText";
import type { MailMessage } from "./mailText";
import { activityValues } from "./mailTemplate";
import type { MailReason, ToldRoom } from "./mailTemplate";

/** An event of which a mail may tell, unread as it is. */
export interface UnreadEvent {
  readonly row: NotificationRow;
  readonly event: StoredEvent;
  readonly receivedTs: number;
}

/** Messages of one room that are told; of more, the newest. */
const MAX_MESSAGES = 20;
const MAX_TEXT = 1_000;
const MAX_ROOMS = 20;

/** Of what notified a user, that which they did not read yet, where they are still, and nobody redacted it. */
export async function stillUnread(app: ComposeApp, userId: string, rows: readonly NotificationRow[]): Promise<UnreadEvent[]> {
  const [events, places] = await Promise.all([app.caches.events.byNids(rows.map(({ nid }) => nid)), app.caches.memberships.ofUser(userId)]);
  const rooms = new Map([...events.values()].map(({ room }) => [room.nid, { roomNid: room.nid, roomId: room.roomId }]));
  const read = await loadReadPositions(app.db, userId, [...rooms.values()]);
  return rows.flatMap((row) => {
    const event = events.get(row.nid);
    const membership = places.get(row.roomNid)?.membership;
    if (!event || event.row.redactedBy !== null || (membership !== "join" && membership !== "invite")) return [];
    const position = read.get(event.room.roomId);
    if (position && row.streamOrdering <= position.of(row.threadId)) return [];
    return [{ row, event, receivedTs: event.row.receivedTs }];
  });
}

/** A mail that tells of all of these, first of the room of `reason`. */
export async function composeMail(
  app: ComposeApp,
  pusher: Pusher,
  unread: readonly UnreadEvent[],
  reason: MailReason,
): Promise<Mail | undefined> {
  const { email } = app.config;
  if (!email) return undefined;
  const byRoom = new Map<number, UnreadEvent[]>([[reason.item.row.roomNid, []]]);
  for (const item of unread) byRoom.set(item.row.roomNid, [...(byRoom.get(item.row.roomNid) ?? []), item]);
  const chosen = [...byRoom.values()].slice(0, MAX_ROOMS);
  const told = await Promise.all(chosen.map((items) => roomOf(app, pusher, items)));
  const rooms = told.map(({ room }) => room);
  const unsubscribe = unsubscribeLink(app, pusher);
  const subject = mailSubject(email, rooms);
  const [profile] = await getProfiles(app.db, [pusher.userId]);
  const values: TemplateValues = {
    app_name: email.app_name,
    user_display_name: profile?.displayname ?? pusher.userId,
    summary_text: subject,
    unsubscribe_link: unsubscribe,
    ...activityValues(told, reason),
  };
  return {
    to: pusher.pushkey,
    subject,
    text: app.templates.render("notif_mail.txt", values) ?? mailText(rooms, email.app_name, { unsubscribe }),
    html: app.templates.render("notif_mail.html", values) ?? mailHtml(rooms, email.app_name, { unsubscribe }),
    headers: { "List-Unsubscribe": `<${unsubscribe}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
  };
}

async function roomOf(app: ComposeApp, { userId }: Pusher, items: readonly UnreadEvent[]): Promise<ToldRoom> {
  const told = items.slice(-MAX_MESSAGES);
  const contexts = await Promise.all(told.map(({ event }) => pushContext(app, event, userId)));
  const messages = told.map(({ event, receivedTs }, i): MailMessage => {
    const { content } = event.shown;
    const body = own(content, "body");
    const isTold = app.config.push.include_content && typeof body === "string";
    return { sender: contexts[i]?.senderName ?? event.sender, text: isTold ? body.slice(0, MAX_TEXT) : undefined, ts: receivedTs };
  });
  const last = told.at(-1)?.event;
  const isInvite = last?.type === "m.room.member" && last.row.stateKey === userId;
  const given = contexts.at(-1)?.roomName;
  const links = told.map(({ event }) => linkTo(app, event.room.roomId, event.row.eventId));
  const room = {
    name: isInvite && given?.startsWith("Invite from ") ? undefined : given,
    link: links.at(-1) ?? "",
    isInvite,
    messages,
    more: items.length - told.length,
  };
  return { room, items: told, contexts, links };
}

/** Where the client shows the event; without a client of one's own, matrix.to finds one. */
function linkTo({ config }: Pick<ComposeApp, "config">, roomId: string, eventId: string): string {
  const base = config.email?.client_base_url;
  const at = `${encodeURIComponent(roomId)}/${encodeURIComponent(eventId)}`;
  return base === undefined || base === "" || base === "https://matrix.to"
    ? `https://matrix.to/#/${at}`
    : `${base.replace(/\/$/, "")}/#/room/${at}`;
}
