import { createMetrics } from "../../../src/observe/metrics";
import { startPusher } from "../../../src/services/pusher/pusher";
import { eventually } from "../../builders/eventually";
import { createSmtpSink } from "../account/smtpSink";
import type { SmtpSink } from "../account/smtpSink";
import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";

let sink: SmtpSink;
let server: RoomsServer;
let alice: Client;
let bob: Client;
let stop: () => Promise<void>;

const ADDRESS = "alice@example.com";
const pusher = { app_id: "m.email", app_display_name: "Mail", device_display_name: ADDRESS, lang: "en", data: {} };

/** Headers and text of a mail, with soft line breaks undone. */
const plain = (mail: string): string =>
  mail
    .replace(/=\r\n/g, "")
    .replace(/\r\n[ \t]/g, " ")
    .replace(/=3D/g, "=");

async function mailNumber(n: number): Promise<string> {
  await eventually(() => Promise.resolve(sink.mails.length >= n));
  return plain(sink.mails[n - 1] ?? "");
}

/** Lets time pass for what was sent, and for pauses. */
async function age(ms: number): Promise<void> {
  const { db } = server.app;
  await db`update mail_throttles set last_sent_ts = last_sent_ts - ${ms}`;
}

beforeAll(async () => {
  sink = await createSmtpSink();
  server = await createRoomsServer({
    public_baseurl: "https://test.local/",
    email: {
      smtp_host: "127.0.0.1",
      smtp_port: sink.port,
      enable_tls: false,
      notif_from: "%(app)s <noreply@example.com>",
      app_name: "Chat",
      enable_notifs: true,
      notif_delay_before_mail: 300,
    },
  });
  alice = await server.client("alice");
  bob = await server.client("bob");
  stop = startPusher({ ...server.app, metrics: createMetrics("test.local") });
});
afterAll(async () => {
  await stop();
  await server.close();
  await sink.close();
});

async function roomOfBoth(name: string): Promise<string> {
  const roomId = await bob.createRoom({ preset: "public_chat", name });
  await alice.post(`/join/${enc(roomId)}`);
  return roomId;
}

test("a pusher needs an address of the user's own", async () => {
  const refused = await alice.call("POST", "/pushers/set", { ...pusher, kind: "email", pushkey: ADDRESS });
  expect(refused).toMatchObject({ status: 400, body: { errcode: "M_THREEPID_NOT_FOUND" } });
  await server.app.db`insert into user_threepids values ('email', ${ADDRESS}, ${alice.userId}, 1, 1)`;
  await alice.post("/pushers/set", { ...pusher, kind: "email", pushkey: ADDRESS });
  expect((await alice.get("/pushers")).pushers).toMatchObject([{ kind: "email", pushkey: ADDRESS }]);
});

test("one mail tells of all that was not read for a while, with a way to end it", async () => {
  const [one, two] = [await roomOfBoth("Kitchen"), await roomOfBoth("Garden")];
  await bob.text(one, "Dinner <is> ready");
  await bob.text(one, "Come!");
  await bob.text(two, "Rain");
  const mail = await mailNumber(1);
  expect(mail).toContain("To: alice@example.com");
  expect(mail).toContain("From: Chat <noreply@example.com>");
  expect(mail).toContain("Subject: [Chat] You have messages on Chat in the Kitchen room and others...");
  expect(mail).toMatch(/List-Unsubscribe: <https:\/\/test\.local\/_synapse\/client\/unsubscribe\?/);
  expect(mail).toContain("List-Unsubscribe-Post: List-Unsubscribe=One-Click");
  for (const text of ["bob: Dinner <is> ready", "bob: Come!", "bob: Rain", "Dinner &lt;is&gt; ready"]) expect(mail).toContain(text);
  expect(mail).toContain(`https://matrix.to/#/${enc(one)}`);
  // All is told: nothing comes again, and of these rooms nothing soon.
  await bob.text(one, "Cold now");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(sink.mails).toHaveLength(1);
  const [throttle] = await server.app.db<{ ms: number }>`select throttle_ms as ms from mail_throttles limit 1`;
  expect(throttle?.ms).toBe(600_000);
});

test("what was read in time is not told; a restart forgets nothing", async () => {
  const roomId = await roomOfBoth("Cellar");
  const eventId = await bob.text(roomId, "Read me");
  await alice.post(`${roomPath(roomId)}/receipt/m.read/${enc(eventId)}`);
  await bob.text(roomId, "And me");
  await stop();
  await age(3_600_000);
  stop = startPusher({ ...server.app, metrics: createMetrics("test.local") });
  const mail = await mailNumber(2);
  expect(mail).toContain("bob: And me");
  expect(mail).toContain("bob: Cold now");
  expect(mail).not.toContain("Read me");
  // The kitchen did not calm down. It is written down after the mail went.
  const throttles = async () =>
    (await server.app.db<{ ms: number }>`select throttle_ms as ms from mail_throttles order by 1`).map(({ ms }) => ms);
  await eventually(async () => (await throttles()).length === 3);
  expect(await throttles()).toEqual([600_000, 600_000, 86_400_000]);
});

test("invitations are told", async () => {
  await bob.createRoom({ name: "Attic", invite: [alice.userId] });
  expect(await mailNumber(3)).toContain("Subject: [Chat] bob has invited you to join the Attic room on Chat...");
});

test("a link in the mail ends it, and nobody makes one up", async () => {
  const link = /List-Unsubscribe: <https:\/\/test\.local([^>]*)>/.exec(await mailNumber(1))?.[1] ?? "";
  const get = async (path: string, method = "GET") => (await fetch(server.url + path, { method })).status;
  expect(await get(link.replace(/access_token=[^&]*/, "access_token=x.y"))).toBe(403);
  expect(await get(link.replace(enc(ADDRESS), enc("bob@example.com")))).toBe(403);
  expect(await get("/_synapse/client/unsubscribe")).toBe(400);
  expect((await alice.get("/pushers")).pushers).toHaveLength(1);
  expect(await get(link)).toBe(200);
  expect((await alice.get("/pushers")).pushers).toEqual([]);
  expect(await get(link, "POST")).toBe(200);
  expect(await server.app.db`select 1 from mail_throttles`).toEqual([]);
});

test("an address that is taken away gets no more mails", async () => {
  await alice.post("/pushers/set", { ...pusher, kind: "email", pushkey: ADDRESS });
  await alice.post("/account/3pid/delete", { medium: "email", address: ADDRESS });
  expect((await alice.get("/pushers")).pushers).toEqual([]);
});
