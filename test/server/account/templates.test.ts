import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMetrics } from "../../../src/observe/metrics";
import { startPusher } from "../../../src/services/pusher/pusher";
import { eventually } from "../../builders/eventually";
import { createRoomsServer, enc } from "../rooms/harness";
import type { RoomsServer } from "../rooms/harness";
import { createSmtpSink } from "./smtpSink";
import type { SmtpSink } from "./smtpSink";

const templates: Readonly<Record<string, string>> = {
  "_base.html": "<html><title>{% block title %}{% endblock %}</title>{% block body %}{% endblock %}</html>",
  "registration.txt": "Welcome to {{ server_name }} of {{ app_name }}: {{ link }} .",
  "registration.html": '{% extends "_base.html" %}{% block body %}<a href="{{ link }}">Welcome</a>{% endblock %}',
  "registration_success.html": '{% extends "_base.html" %}{% block title %}Well done{% endblock %}',
  "registration_failure.html": "Not so: {{ failure_reason }}",
  "password_reset_confirmation.html": '<form><input name="token" value="{{ token }}"><i>{{ sid }} {{ client_secret }}</i></form>',
  "registration_token.html":
    '<form action="{{ myurl }}"><input value="{{ session }}">{% if error is defined %}<b>{{ error }}</b>{% endif %}</form>',
  "auth_success.html": "<p>Done</p>",
  "notif_mail.txt":
    "Dear {{ user_display_name }}: {{ summary_text }}\n{% for room in rooms %}{{ room.title }} {{ room.invite }} {{ room.hash % 1 }}\n{% for notif in room.notifs %}{% for m in notif.messages %}[{{ m.sender_name }}|{{ m.msgtype }}|{{ m.body_text_plain }}]{% endfor %}{{ notif.link }}\n{% endfor %}{% endfor %}{{ reason.room_name }} {{ reason.delay_before_mail_ms }}\n{{ unsubscribe_link }}",
  "notif_mail.html":
    "{% for room in rooms %}{% for notif in room.notifs %}{% for m in notif.messages %}<p>{{ m.sender_name }}: {{ m.body_text_html }}</p>{% endfor %}{% endfor %}{% endfor %}",
};

let directory: string;
let smtp: SmtpSink;
let server: RoomsServer;

const settings = (): Parameters<typeof createRoomsServer>[0] => ({
  public_baseurl: "https://test.local/",
  templates: { custom_template_directory: directory },
  email: {
    smtp_host: "127.0.0.1",
    smtp_port: smtp.port,
    enable_tls: false,
    notif_from: "noreply@example.com",
    app_name: "Chat",
    enable_notifs: true,
    notif_delay_before_mail: 100,
  },
});

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "templates-"));
  for (const [name, text] of Object.entries(templates)) writeFileSync(join(directory, name), text);
  smtp = await createSmtpSink();
  server = await createRoomsServer({ ...settings(), registration_requires_token: true });
});
afterAll(async () => {
  await server?.close();
  await smtp?.close();
  rmSync(directory, { recursive: true });
});

const plain = (mail: string | undefined): string => (mail ?? "").replace(/=\r\n/g, "").replace(/=3D/g, "=");
const browse = async (path: string): Promise<string> => (await fetch(server.url + path)).text();

test("mails that validate an address, and what their links show", async () => {
  const body = { email: "ann@example.com", client_secret: "secret", send_attempt: 1 };
  expect((await server.call("POST", "/register/email/requestToken", body)).status).toBe(200);
  const mail = plain(smtp.mails.at(-1));
  expect(mail).toContain("Welcome to test.local of Chat: https://test.local/_matrix/client/unstable/registration/email/submit_token?");
  expect(mail).toMatch(/<html><title><\/title><a href="https:\/\/test\.local\/[^"]*&amp;client_secret=secret[^"]*">Welcome<\/a><\/html>/);
  const link = new URL(/https:\S+/.exec(mail)?.[0] ?? "");
  expect(await browse(link.pathname + link.search)).toBe("<html><title>Well done</title></html>");
  expect(await browse(link.pathname + link.search.replace(/token=\w+/, "token=<b>"))).toMatch(/^Not so: \w/);
  const question = "/_synapse/client/password_reset/email/submit_token?token=%22%3E&client_secret=c&sid=s";
  expect(await browse(question)).toBe('<form><input name="token" value="&quot;&gt;"><i>s c</i></form>');
});

test("pages that stand for a stage of registering", async () => {
  const { session } = (await server.call("POST", "/register", { username: "ann", password: "sUp3r s3kr1t" })).body;
  const path = "/_matrix/client/v3/auth/m.login.registration_token/fallback/web";
  expect(await browse(`${path}?session=${session}`)).toBe(`<form action="${path}"><input value="${session}"></form>`);
  const submit = async (token: string): Promise<string> =>
    (await fetch(server.url + path, { method: "POST", body: new URLSearchParams({ session, token }) })).text();
  expect(await submit("wrong")).toMatch(/<b>\w.*<\/b><\/form>$/);
  await server.app.db`insert into registration_tokens (token, pending, completed) values ('right', 0, 0)`;
  expect(await submit("right")).toBe("<p>Done</p>");
});

test("mails that tell of messages", async () => {
  const open = await createRoomsServer(settings());
  const stop = startPusher({ ...open.app, metrics: createMetrics("test.local") });
  try {
    const [alice, bob] = [await open.client("alice"), await open.client("bob")];
    await open.app.db`insert into user_threepids values ('email', 'alice@example.com', ${alice.userId}, 1, 1)`;
    const pusher = { app_id: "m.email", app_display_name: "Mail", device_display_name: "Mail", lang: "en", data: {} };
    await alice.post("/pushers/set", { ...pusher, kind: "email", pushkey: "alice@example.com" });
    await alice.put(`/profile/${enc(alice.userId)}/displayname`, { displayname: "Alice <3" });
    const roomId = await bob.createRoom({ preset: "public_chat", name: "Kitchen & more" });
    await alice.post(`/join/${enc(roomId)}`);
    const before = smtp.mails.length;
    const eventId = await bob.text(roomId, "Dinner <is> ready {{ 7 * 7 }}");
    await eventually(() => smtp.mails.length > before);
    const mail = plain(smtp.mails[before]);
    expect(mail).toContain("Dear Alice <3: [Chat] You have a message on Chat from bob in the Kitchen & more room...");
    expect(mail).toContain("Kitchen & more false 0");
    expect(mail).toContain("[bob|m.text|Dinner <is> ready {{ 7 * 7 }}]");
    expect(mail).toContain(`https://matrix.to/#/${enc(roomId)}/${enc(eventId)}`);
    expect(mail).toContain("Kitchen & more 100");
    expect(mail).toContain("https://test.local/_synapse/client/unsubscribe?access_token=");
    expect(mail).toContain("<p>bob: Dinner &lt;is&gt; ready {{ 7 * 7 }}</p>");
  } finally {
    await stop();
    await open.close();
  }
});
