import { retainMedia } from "../../../src/handlers/media/retention";
import { createMediaServer, download } from "./harness";
import type { MediaServer } from "./harness";

let server: MediaServer;
let admin: string;
let alice: string;

beforeAll(async () => {
  server = await createMediaServer({ media_retention: { local_media_lifetime: 86_400_000, remote_media_lifetime: 86_400_000 } });
  [admin, alice] = [await server.token("admin"), await server.token("alice")];
  await server.app.db`update users set admin = true where user_id = '@admin:test.local'`;
  server.app.accounts.forgetAccount("@admin:test.local");
});
afterAll(() => server.close());

async function call(method: string, path: string, token = admin) {
  const answer = await server.call(method, `/_synapse/admin/v1/${path}`, undefined, token);
  return answer;
}
const sees = async (id: string): Promise<number> => (await server.raw("GET", download(id), { token: alice })).status;
const mediaId = (id: string): string => id.split("/")[1] ?? "";

test("only administrators may", async () => {
  expect((await call("POST", "media/quarantine/test.local/x", alice)).status).toBe(403);
  expect((await call("GET", "users/@alice:test.local/media", alice)).status).toBe(403);
});

test("quarantine takes in all copies of the contents, now and later, but nothing protected", async () => {
  const bad = Buffer.from("bad contents");
  const [first, second] = [await server.upload(alice, bad), await server.upload(alice, bad)];
  const safe = await server.upload(alice, Buffer.from("safe"));
  expect((await call("POST", `media/protect/${mediaId(safe)}`)).body).toEqual({});
  expect((await call("POST", "media/protect/none")).status).toBe(404);
  expect((await call("POST", `media/quarantine/${first}`)).body).toEqual({});
  await call("POST", `media/quarantine/${safe}`);
  const third = await server.upload(alice, bad);
  expect([await sees(first), await sees(second), await sees(third), await sees(safe)]).toEqual([404, 404, 404, 200]);
  expect((await call("GET", `media/${first}`)).body.media_info).toMatchObject({
    quarantined_by: "@admin:test.local",
    user_id: "@alice:test.local",
  });
  const { body } = await call("GET", "media/quarantine_changes");
  expect(body.changes.map((change: { media_id: string }) => change.media_id).sort()).toEqual([mediaId(first), mediaId(second)].sort());
  await call("POST", `media/unquarantine/${first}`);
  expect([await sees(first), await sees(third)]).toEqual([200, 200]);
  const later = await call("GET", `media/quarantine_changes?from=${body.next_batch}`);
  expect(later.body.changes).toHaveLength(3);
  expect((await call("POST", "user/@alice:test.local/media/quarantine")).body).toEqual({ num_quarantined: 3 });
  expect([await sees(first), await sees(safe)]).toEqual([404, 200]);
});

test("media of a room", async () => {
  const bob = await server.client("bob");
  const token = await server.token("carol");
  const id = await server.upload(token, Buffer.from("in a room"));
  const roomId = await bob.createRoom();
  await bob.send(roomId, { msgtype: "m.image", body: "x", url: `mxc://${id}`, info: { thumbnail_url: "mxc://other.example/thumb" } });
  const path = `room/${encodeURIComponent(roomId)}/media`;
  expect((await call("GET", path)).body).toEqual({ local: [`mxc://${id}`], remote: ["mxc://other.example/thumb"] });
  expect((await call("POST", `${path}/quarantine`)).body).toEqual({ num_quarantined: 1 });
  expect(await sees(id)).toBe(404);
});

test("a user's media by page, and away with them", async () => {
  const token = await server.token("dora");
  const ids: string[] = [];
  for (const size of [100, 20, 3]) ids.push(mediaId(await server.upload(token, Buffer.alloc(size, 120))));
  const list = async (query: string) => (await call("GET", `users/@dora:test.local/media?${query}`)).body;
  const page = await list("order_by=media_length&limit=2");
  expect([page.total, page.next_token, page.media.map((m: { media_length: number }) => m.media_length)]).toEqual([3, 2, [3, 20]]);
  expect((await list("order_by=media_length&dir=b&from=2")).media).toHaveLength(1);
  expect((await list("order_by=upload_name")).media).toHaveLength(3);
  const use = await call("GET", "statistics/users/media?search_term=dora");
  expect(use.body).toEqual({ users: [{ user_id: "@dora:test.local", displayname: "dora", media_count: 3, media_length: 123 }], total: 1 });
  const files = server.files().length;
  expect((await call("DELETE", `media/test.local/${ids[0]}`)).body).toEqual({ deleted_media: [ids[0]], total: 1 });
  expect((await call("DELETE", "users/@dora:test.local/media")).body.total).toBe(2);
  expect(server.files().length).toBe(files - 3);
  expect((await call("DELETE", `media/test.local/${ids[0]}`)).status).toBe(404);
  expect((await call("GET", "users/@nobody:test.local/media")).status).toBe(404);
});

test("what has had its time goes, pictures of users stay", async () => {
  const token = await server.token("erna");
  const [old, picture, recent] = [
    await server.upload(token, Buffer.from("old")),
    await server.upload(token, Buffer.from("picture")),
    await server.upload(token, Buffer.from("recent")),
  ];
  await server.call("PUT", "/profile/@erna:test.local/avatar_url", { avatar_url: `mxc://${picture}` }, token);
  const pending = await server.raw("POST", "/_matrix/media/v1/create", { token });
  const { content_uri: uri } = (await pending.json()) as { content_uri: string };
  const before = server.app.clock.now() - 3 * 86_400_000;
  const ids = [old, picture, uri.replace("mxc://", "")].map(mediaId);
  await server.app.db`update media set created_ts = ${before}, last_access_ts = ${before} where media_id = any(${ids}::text[])`;
  await retainMedia(server.app);
  expect([await sees(old), await sees(picture), await sees(recent)]).toEqual([404, 200, 200]);
  expect(await server.app.db`select 1 from media where media_id = ${ids[2] ?? ""}`).toHaveLength(0);
  expect((await call("POST", "media/delete?before_ts=1")).status).toBe(400);
  expect((await call("POST", `media/test.local/delete?before_ts=${server.app.clock.now() + 1000}&size_gt=5`)).body.total).toBeGreaterThan(
    0,
  );
  expect((await call("POST", `purge_media_cache?before_ts=${server.app.clock.now()}`)).body).toEqual({ deleted: 0 });
});
