import type { EmailConfig } from "../../config/types.generated";
import { escapeHtml } from "../../lib/html";

/** What is told of one message. */
export interface MailMessage {
  readonly sender: string;
  /** Undefined where the contents of messages are kept out of mails. */
  readonly text: string | undefined;
  readonly ts: number;
}

/** What is told of one room; rooms without a name have none. */
export interface MailRoom {
  readonly name: string | undefined;
  readonly link: string;
  readonly isInvite: boolean;
  /** Oldest first. */
  readonly messages: readonly MailMessage[];
  /** How many there are that are not told. */
  readonly more: number;
}

export interface MailLinks {
  readonly unsubscribe: string;
}

type Subjects = EmailConfig["subjects"];

const distinct = (names: readonly string[]): string[] => [...new Set(names)];

/** "a", "a and b", "a and 2 others". */
function namesOf(names: readonly string[]): string {
  const [first = "", second] = names;
  if (names.length <= 1) return first;
  return names.length === 2 ? `${first} and ${second}` : `${first} and ${names.length - 1} others`;
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  // A line break in a name must not become one in the head of a mail.
  return template.replace(/%\((\w+)\)s/g, (_, name: string) => (values[name] ?? "").replace(/[\r\n]+/g, " "));
}

/** The subject, by what there is to tell; the room because of which the mail is sent comes first. */
export function mailSubject(config: Pick<EmailConfig, "app_name" | "subjects">, rooms: readonly MailRoom[]): string {
  const { app_name: app, subjects } = config;
  const [room] = rooms;
  if (!room) return app;
  const person = namesOf(distinct(room.messages.map(({ sender }) => sender)));
  const values = { app, person, room: room.name ?? "" };
  return fill(subjects[subjectOf(rooms, room)], values);
}

function subjectOf(rooms: readonly MailRoom[], room: MailRoom): keyof Subjects {
  const isNamed = room.name !== undefined;
  if (rooms.length > 1) return isNamed ? "messages_in_room_and_others" : "messages_from_person_and_others";
  if (room.isInvite) return isNamed ? "invite_from_person_to_room" : "invite_from_person";
  if (room.messages.length + room.more === 1) return isNamed ? "message_from_person_in_room" : "message_from_person";
  return isNamed ? "messages_in_room" : "messages_from_person";
}

const timeOf = (ts: number): string => new Date(ts).toISOString().slice(0, 16).replace("T", " ");
/** Of a room without a name, who wrote. */
export const roomTitle = ({ name, messages }: MailRoom): string => name ?? namesOf(distinct(messages.map(({ sender }) => sender)));

/** What follows the sender's name. */
function saying({ isInvite }: MailRoom, { text }: MailMessage): string {
  if (isInvite) return "invited you";
  return text === undefined ? "sent a message" : text;
}

/** The mail as plain text. Times are in UTC. */
export function mailText(rooms: readonly MailRoom[], app: string, { unsubscribe }: MailLinks): string {
  const parts = rooms.map((room) => {
    const lines = room.messages.map((message) => `  [${timeOf(message.ts)}] ${message.sender}: ${saying(room, message)}`);
    const more = room.more > 0 ? [`  ... and ${room.more} more`] : [];
    return [`${roomTitle(room)}`, ...lines, ...more, `  ${room.link}`].join("\n");
  });
  return `You have missed something on ${app}:\n\n${parts.join("\n\n")}\n\nNo more mails like this: ${unsubscribe}\n`;
}

/** The same as a page. */
export function mailHtml(rooms: readonly MailRoom[], app: string, { unsubscribe }: MailLinks): string {
  const parts = rooms.map((room) => {
    const lines = room.messages.map(
      (message) =>
        `<p style="margin:4px 0"><span style="color:#777">${timeOf(message.ts)}</span> <b>${escapeHtml(message.sender)}</b> ${escapeHtml(saying(room, message)).replaceAll("\n", "<br>")}</p>`,
    );
    const more = room.more > 0 ? `<p style="color:#777">and ${room.more} more</p>` : "";
    return `<div style="margin:16px 0"><h2 style="font-size:16px;margin:0 0 8px"><a href="${escapeHtml(room.link)}">${escapeHtml(roomTitle(room))}</a></h2>${lines.join("")}${more}</div>`;
  });
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"></head><body style="font:14px/1.4 sans-serif;max-width:40em">
<p>You have missed something on ${escapeHtml(app)}:</p>${parts.join("\n")}
<p style="color:#777;font-size:12px"><a href="${escapeHtml(unsubscribe)}">No more mails like this</a></p></body></html>`;
}
