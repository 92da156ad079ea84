import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMonthlyActive } from "../../../src/storage/monthlyActive";
import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Answer, Client, RoomsServer } from "../rooms/harness";
import { eventually } from "../../builders/eventually";

const SYSTEM = "@notices:test.local";
const directory = mkdtempSync(join(tmpdir(), "synapse-ts-consent-"));
const noticeSettings = {
  system_mxid_localpart: "notices",
  system_mxid_display_name: "The server",
  room_name: "News",
  room_topic: "What the server says",
};

async function adminOf(server: RoomsServer): Promise<Client> {
  const admin = await server.client("admin");
  await server.app.db`update users set admin = true where user_id = ${admin.userId}`;
  server.app.accounts.forgetAccount(admin.userId);
  return admin;
}

interface Stripped {
  readonly type: string;
  readonly sender: string;
  readonly content: Record<string, unknown>;
}

/** The room to which the system user invited somebody. */
async function noticeRoom(client: Client): Promise<string> {
  let found: string | undefined;
  await eventually(async () => {
    const invites = (await client.get("/sync?timeout=0")).rooms?.invite ?? {};
    found = Object.keys(invites).find((roomId) => invites[roomId].invite_state.events.some((event: Stripped) => event.sender === SYSTEM));
    return found !== undefined;
  });
  return found ?? "";
}

describe("notices of the server", () => {
  let server: RoomsServer;
  let admin: Client;
  let send: (body: unknown, txn?: string) => Promise<Answer>;

  beforeAll(async () => {
    server = await createRoomsServer({ server_notices: noticeSettings });
    admin = await adminOf(server);
    send = (body, txn) =>
      txn === undefined
        ? admin.call("POST", "/_synapse/admin/v1/send_server_notice", body)
        : admin.call("PUT", `/_synapse/admin/v1/send_server_notice/${txn}`, body);
  });
  afterAll(() => server.close());

  const content = { msgtype: "m.text", body: "Tonight we restart." };

  test("are sent to one room of each user, who cannot turn it down nor answer", async () => {
    const alice = await server.client("alice");
    const first = await send({ user_id: alice.userId, content });
    expect(first).toEqual({ status: 200, body: { event_id: expect.stringMatching(/^\$/) } });
    const roomId = await noticeRoom(alice);
    expect((await alice.call("POST", `${roomPath(roomId)}/leave`, {})).body.errcode).toBe("M_CANNOT_LEAVE_SERVER_NOTICE_ROOM");
    await alice.post(`/join/${enc(roomId)}`);
    expect((await alice.call("PUT", `${roomPath(roomId)}/send/m.room.message/1`, content)).status).toBe(403);
    await send({ user_id: alice.userId, content: { msgtype: "m.text", body: "Done." } });
    await send({ user_id: alice.userId, type: "m.room.topic", state_key: "", content: { topic: "New" } });
    const room = (await alice.get("/sync?timeout=0")).rooms.join[roomId];
    const texts = room.timeline.events.flatMap(({ type, content: shown }: Stripped) => (type === "m.room.message" ? [shown["body"]] : []));
    expect(texts).toEqual(["Tonight we restart.", "Done."]);
    expect(room.account_data.events).toContainEqual({ type: "m.tag", content: { tags: { "m.server_notice": {} } } });
    expect((await alice.get(`${roomPath(roomId)}/state/m.room.topic`)).topic).toBe("New");
    expect(await alice.get(`${roomPath(roomId)}/state/m.room.member/${enc(SYSTEM)}`)).toMatchObject({ displayname: "The server" });
    // Who left gets another room.
    await alice.post(`${roomPath(roomId)}/leave`);
    await send({ user_id: alice.userId, content });
    expect(await noticeRoom(alice)).not.toBe(roomId);
  });

  test("go to one room although many come at once, and with an id once", async () => {
    const bob = await server.client("bob");
    const answers = await Promise.all([1, 2, 3].map(() => send({ user_id: bob.userId, content }, "same")));
    expect(new Set(answers.map(({ body }) => body.event_id)).size).toBe(1);
    const roomId = await noticeRoom(bob);
    await bob.post(`/join/${enc(roomId)}`);
    const { chunk } = await bob.get(`${roomPath(roomId)}/messages?dir=b&limit=100`);
    expect(chunk.filter(({ type }: Stripped) => type === "m.room.message")).toHaveLength(1);
  });

  test.each([
    [{}, 400],
    [{ user_id: "@admin:test.local" }, 400],
    [{ user_id: "@admin:test.local", content: {} }, 400],
    [{ user_id: "@admin:test.local", content: 5 }, 400],
    [{ user_id: "@x:else.where", content }, 400],
    [{ user_id: "@nobody:test.local", content }, 404],
  ])("%j is refused", async (body, status) => {
    expect((await send(body)).status).toBe(status);
  });
});

test("a server that says nothing refuses to", async () => {
  const server = await createRoomsServer();
  const admin = await adminOf(server);
  const body = { user_id: admin.userId, content: { msgtype: "m.text", body: "x" } };
  expect((await admin.call("POST", "/_synapse/admin/v1/send_server_notice", body)).status).toBe(400);
  expect((await server.call("GET", "/_matrix/consent")).status).toBe(404);
  await server.close();
});

describe("consent to a policy", () => {
  let server: RoomsServer;

  beforeAll(async () => {
    mkdirSync(join(directory, "en"), { recursive: true });
    writeFileSync(
      join(directory, "en", "1.0.html"),
      `<p>Policy {{ version }}</p>{% if not public_version %}{% if has_consented %}<p>Thanks already</p>{% else %}
<form method="post" action="consent"><input name="v" value="{{version}}"><input name="u" value="{{user}}"><input name="h" value="{{userhmac}}"></form>{% endif %}{% endif %}`,
    );
    writeFileSync(join(directory, "en", "success.html"), "<p>Success</p>");
    server = await createRoomsServer({
      server_notices: { ...noticeSettings, auto_join: false },
      user_consent: {
        template_dir: directory,
        version: "1.0",
        server_notice_content: { msgtype: "m.text", body: "Read %(consent_uri)s", nested: { uri: "%(consent_uri)s" } },
        block_events_error: "First agree at %(consent_uri)s",
      },
    });
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  const page = async (path: string, body?: URLSearchParams) => {
    const response = await fetch(`${server.url}${path}`, body ? { method: "POST", body } : {});
    return { status: response.status, text: await response.text() };
  };

  test("is asked for by a notice, once; without it nothing can be sent; with it everything", async () => {
    const alice = await server.client("alice");
    const refused = await alice.call("POST", "/createRoom", {});
    expect(refused).toMatchObject({ status: 403, body: { errcode: "M_CONSENT_NOT_GIVEN" } });
    const uri = new URL(refused.body.consent_uri);
    expect(refused.body.error).toBe(`First agree at ${refused.body.consent_uri}`);
    await alice.get("/sync?timeout=0");
    const roomId = await noticeRoom(alice);
    await alice.post(`/join/${enc(roomId)}`);
    const { chunk } = await alice.get(`${roomPath(roomId)}/messages?dir=b&limit=100`);
    const asked = chunk.filter(({ type }: Stripped) => type === "m.room.message");
    expect(asked.map((event: Stripped) => event.content)).toEqual([
      { msgtype: "m.text", body: `Read ${uri.href}`, nested: { uri: uri.href } },
    ]);

    const path = uri.pathname + uri.search;
    const form = await page(path);
    expect(form.text).toContain("Policy 1.0");
    const fields = new URLSearchParams(
      Array.from(form.text.matchAll(/name="(\w)" value="([^"]*)"/g), ([, name = "", value = ""]): [string, string] => [name, value]),
    );
    expect(fields.get("u")).toBe("alice");
    expect(await page("/_matrix/consent", fields)).toEqual({ status: 200, text: "<p>Success</p>" });
    expect((await page(path)).text).toContain("Thanks already");
    expect((await alice.call("POST", "/createRoom", {})).status).toBe(200);
    await alice.get("/sync?timeout=0");
    const later = await alice.get(`${roomPath(roomId)}/messages?dir=b&limit=100`);
    expect(later.chunk.filter(({ type }: Stripped) => type === "m.room.message")).toHaveLength(1);
  });

  test("is given by the owner of the link alone; anybody reads the policy", async () => {
    expect(await page("/_matrix/consent?v=1.0")).toEqual({ status: 200, text: "<p>Policy 1.0</p>" });
    expect((await page("/_matrix/consent?u=alice&h=00")).status).toBe(403);
    expect((await page("/_matrix/consent?u=alice")).status).toBe(400);
    expect((await page("/_matrix/consent?v=2.0")).status).toBe(404);
    expect((await page(`/_matrix/consent?v=${enc("../../etc/passwd")}`)).status).toBe(404);
    expect((await page("/_matrix/consent", new URLSearchParams({ u: "bob", h: "00", v: "1.0" }))).status).toBe(403);
  });

  test("who did not agree may still leave", async () => {
    const bob = await server.client("bob");
    const roomId = await noticeRoom(bob);
    await bob.post(`/join/${enc(roomId)}`);
    expect((await bob.call("POST", `${roomPath(roomId)}/leave`, {})).status).toBe(200);
  });
});

describe("a server that is full", () => {
  test("tells its active users by a pinned message, until it is not full any more", async () => {
    const server = await createRoomsServer({
      server_notices: { ...noticeSettings, auto_join: true },
      limit_usage_by_mau: true,
      max_mau_value: 1,
      admin_contact: "mailto:root@test.local",
    });
    try {
      const [alice, bob] = [await server.client("alice"), await server.client("bob")];
      // Her first sync makes her an active one, and with her the server is full. What the count says is believed for ten seconds.
      await server.app.db`insert into monthly_active_users (user_id, last_active_ts) values (${alice.userId}, ${Date.now()})`;
      let roomId = "";
      const pinned = async (): Promise<string[]> => {
        const { join: rooms = {} } = (await alice.get("/sync?timeout=0&full_state=true")).rooms ?? {};
        roomId = Object.keys(rooms)[0] ?? "";
        const answer = await alice.call("GET", `${roomPath(roomId)}/state/m.room.pinned_events`);
        return answer.status === 200 ? answer.body.pinned : [];
      };
      await eventually(async () => (await pinned()).length === 1, 30_000);
      const [eventId = ""] = await pinned();
      expect((await alice.get(`${roomPath(roomId)}/event/${enc(eventId)}`)).content).toEqual({
        msgtype: "m.server_notice",
        server_notice_type: "m.server_notice.usage_limit_reached",
        body: "Monthly Active User Limit Exceeded",
        limit_type: "monthly_active_user",
        admin_contact: "mailto:root@test.local",
      });
      const messages = async () =>
        (await alice.get(`${roomPath(roomId)}/messages?dir=b&limit=50`)).chunk.filter(({ type }: Stripped) => type === "m.room.message");
      expect(await messages()).toHaveLength(1);
      // Others, though they are logged in, neither get anything nor become active by asking.
      const refused = { status: 403, body: { errcode: "M_RESOURCE_LIMIT_EXCEEDED" } };
      expect(await bob.call("GET", "/sync?timeout=0")).toMatchObject(refused);
      expect(await bob.call("POST", "/createRoom", {})).toMatchObject(refused);
      expect(await isMonthlyActive(server.app.db, bob.userId)).toBe(false);
      expect((await alice.call("POST", "/createRoom", {})).status).toBe(200);
      Object.assign(server.app.config, { max_mau_value: 5 });
      await eventually(async () => (await pinned()).length === 0, 30_000);
      expect(await messages()).toHaveLength(1);
    } finally {
      await server.close();
    }
  }, 90_000);
});
