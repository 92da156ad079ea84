import { dueAt, nextThrottle } from "../../../src/services/pusher/mailThrottle";
import { mailHtml, mailSubject, mailText } from "../../../src/services/pusher/mailText";
import type { MailRoom } from "../../../src/services/pusher/mailText";
import { testConfig } from "../../builders/config";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test("a room is written of later and later, until it was calm for half a day", () => {
  const cause = { roomNid: 1, receivedTs: 100 * HOUR };
  expect(dueAt(cause, undefined, 10 * MINUTE)).toBe(100 * HOUR + 10 * MINUTE);
  const first = nextThrottle(cause, undefined, undefined, 101 * HOUR);
  expect(first).toEqual({ roomNid: 1, lastSentTs: 101 * HOUR, throttleMs: 10 * MINUTE });
  const soon = { roomNid: 1, receivedTs: 102 * HOUR };
  const second = nextThrottle(soon, first, first.lastSentTs, 102 * HOUR);
  expect(second.throttleMs).toBe(24 * HOUR);
  expect(nextThrottle(soon, second, second.lastSentTs, 103 * HOUR).throttleMs).toBe(24 * HOUR);
  expect(dueAt({ roomNid: 1, receivedTs: 103 * HOUR }, second, 10 * MINUTE)).toBe(126 * HOUR);
  expect(nextThrottle({ roomNid: 1, receivedTs: 115 * HOUR }, second, second.lastSentTs, 116 * HOUR).throttleMs).toBe(10 * MINUTE);
});

const { email } = testConfig({ email: { smtp_host: "x", notif_from: "x@example.com", app_name: "App" } });
if (!email) throw new Error("there is no mail");

const room = (senders: readonly string[], more: Partial<MailRoom> = {}): MailRoom => ({
  name: "Room",
  link: "https://client/#/room",
  isInvite: false,
  messages: senders.map((sender) => ({ sender, text: "<hi>", ts: 0 })),
  more: 0,
  ...more,
});

test.each([
  [[room(["Ann"])], "You have a message on App from Ann in the Room room..."],
  [[room(["Ann"], { name: undefined })], "You have a message on App from Ann..."],
  [[room(["Ann", "Ann"])], "You have messages on App in the Room room..."],
  [[room(["Ann", "Bob"], { name: undefined })], "You have messages on App from Ann and Bob..."],
  [[room(["Ann", "Bob", "Cat"], { name: undefined })], "You have messages on App from Ann and 2 others..."],
  [[room(["Ann"]), room(["Bob"])], "You have messages on App in the Room room and others..."],
  [[room(["Ann"], { name: undefined }), room(["Bob"])], "You have messages on App from Ann and others..."],
  [[room(["Ann"], { isInvite: true })], "Ann has invited you to join the Room room on App..."],
  [[room(["Ann"], { isInvite: true, name: undefined })], "Ann has invited you to chat on App..."],
  [[room(["A\r\nBcc: x"])], "You have a message on App from A Bcc: x in the Room room..."],
])("the subject says what there is (%#)", (rooms, subject) => {
  expect(mailSubject(email, rooms)).toBe(`[App] ${subject}`);
});

test("both forms of the mail tell the same, and nothing of it is HTML", () => {
  const rooms = [room(["<Ann>"], { more: 3 }), room(["Bob"], { isInvite: true })];
  const text = mailText(rooms, "App", { unsubscribe: "https://here/u?a=1&b=2" });
  for (const part of ["Room", "<Ann>: <hi>", "3 more", "Bob: invited you", "https://client/#/room", "https://here/u?a=1&b=2"])
    expect(text).toContain(part);
  const html = mailHtml(rooms, "App", { unsubscribe: "https://here/u?a=1&b=2" });
  for (const part of ["&lt;Ann&gt;", "&lt;hi&gt;", "3 more", "invited you", "https://here/u?a=1&amp;b=2"]) expect(html).toContain(part);
  expect(html).not.toContain("<Ann>");
});

test("what was said is kept out where it must not leave the server", () => {
  const rooms = [{ ...room([]), messages: [{ sender: "Ann", text: undefined, ts: 0 }] }];
  expect(mailText(rooms, "App", { unsubscribe: "x" })).toContain("Ann: sent a message");
});
