import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { selfSigned } from "./certificate";
import { createMediaServer, download, image, openDownload, thumbnail } from "./harness";
import type { MediaServer } from "./harness";

let server: MediaServer;
let remote: Server;
let name: string;
let alice: string;
const asked: string[] = [];
let authorization: string | undefined;

const multipart = (headers: string, body: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`--xyz\r\nContent-Type: application/json\r\n\r\n{}\r\n--xyz\r\n${headers}\r\n\r\n`),
    body,
    Buffer.from("\r\n--xyz--\r\n"),
  ]);
const json = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const big = Buffer.alloc(300_000, "\r\n--xy");

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [path = ""] = (request.url ?? "").split("?");
  asked.push(path);
  authorization = request.headers.authorization;
  const id = path.split("/").at(-1) ?? "";
  const parts = (headers: string, body: Buffer): void =>
    void response.setHeader("content-type", "multipart/mixed; boundary=xyz").end(multipart(headers, body));
  if (path.startsWith("/_matrix/federation/v1/media/download/")) {
    if (id === "new")
      return parts('Content-Type: text/plain\r\nContent-Disposition: attachment; filename="a b.txt"', Buffer.from("from afar"));
    if (id === "big") return parts("Content-Type: application/zip", big);
    if (id === "toobig") return parts("Content-Type: application/zip", Buffer.alloc(600_000));
    if (id === "moved") return parts(`Location: https://127.0.0.1:${(remote.address() as AddressInfo).port}/cdn/moved`, Buffer.alloc(0));
    if (id === "cut")
      return void response.setHeader("content-type", "multipart/mixed; boundary=xyz").end(multipart("A: b", big).subarray(0, 100_000));
    if (id === "missing") return json(response, 404, { errcode: "M_NOT_FOUND", error: "none" });
    if (id === "broken") return json(response, 500, { errcode: "M_UNKNOWN", error: "oh" });
    return json(response, 404, { errcode: "M_UNRECOGNIZED", error: "Unrecognized request" });
  }
  if (path.startsWith("/_matrix/media/v3/download/") && id === "older")
    return void response.writeHead(307, { location: `https://127.0.0.1:${(remote.address() as AddressInfo).port}/cdn/older` }).end();
  if (path.startsWith("/_matrix/media/r0/download/") && id === "oldest")
    return void response.setHeader("content-type", "text/plain").end("r0");
  if (path === "/cdn/older" || path === "/cdn/moved") return void response.setHeader("content-type", "text/css").end("elsewhere");
  if (decodeURIComponent(path) === `/_matrix/media/v3/download/${name}/picture`)
    return void image(300, 300)
      .jpeg()
      .toBuffer()
      .then((bytes) => response.setHeader("content-type", "image/jpeg").end(bytes));
  json(response, 404, { errcode: "M_UNRECOGNIZED", error: "Unrecognized request" });
}

beforeAll(async () => {
  remote = createServer(selfSigned("127.0.0.1"), answer);
  await new Promise<void>((resolve) => remote.listen(0, "127.0.0.1", resolve));
  name = `127.0.0.1:${(remote.address() as AddressInfo).port}`;
  server = await createMediaServer({
    federation_verify_certificates: false,
    ip_range_blacklist: [],
    federation_ip_range_blacklist: [],
    max_upload_size: 500_000,
    federation: { max_short_retries: 0 },
    prevent_media_downloads_from: ["evil.example"],
  });
  alice = await server.token("alice");
});
afterAll(async () => {
  await server.close();
  remote.closeAllConnections();
  remote.close();
});

const get = (id: string): Promise<Response> => server.raw("GET", download(`${name}/${id}`), { token: alice });

test("media of another server are fetched once, signed, and kept as Synapse keeps them", async () => {
  const answers = await Promise.all([get("new"), get("new")]);
  for (const each of answers) expect(await each.text()).toBe("from afar");
  expect(answers[0]?.headers.get("content-disposition")).toBe("inline; filename*=utf-8''a%20b.txt");
  expect(authorization).toMatch(/^X-Matrix origin="test.local"/);
  await get("new");
  expect(asked.filter((path) => path.endsWith("/new"))).toHaveLength(1);
  const [row] = await server.app.db<{ filesystem_id: string }>`select filesystem_id from media where media_id = 'new'`;
  const fs = row?.filesystem_id ?? "";
  expect(server.files()).toContain(`remote_content/${name}/${fs.slice(0, 2)}/${fs.slice(2, 4)}/${fs.slice(4)}`);
  // After the freeze, nobody without a token sees them.
  expect((await server.raw("GET", openDownload(`${name}/new`))).status).toBe(404);
});

test("a copy whose file was lost is fetched again", async () => {
  await server.app.media.files.remove(server.files().filter((file) => file.startsWith("remote_content")));
  expect(await (await get("new")).text()).toBe("from afar");
});

test("a body full of what looks like its boundary", async () => {
  expect(Buffer.from(await (await get("big")).arrayBuffer()).equals(big)).toBe(true);
});

test.each([
  ["older", "elsewhere"],
  ["oldest", "r0"],
  ["moved", "elsewhere"],
])("servers of other times and those who keep their media elsewhere: %s", async (id, text) => {
  const found = await get(id);
  expect([found.status, await found.text()]).toEqual([200, text]);
});

test("thumbnails of remote images are made here", async () => {
  const made = await server.raw("GET", thumbnail(`${name}/picture`, "width=32&height=32&method=crop"), { token: alice });
  expect([made.status, made.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  expect(server.files().some((file) => file.startsWith(`remote_thumbnail/${name}/`) && file.endsWith("/32-32-image-jpeg-crop"))).toBe(true);
});

test.each([
  ["missing", 404],
  ["toobig", 502],
  ["cut", 502],
  ["broken", 502],
])("what cannot be had: %s", async (id, status) => {
  const files = server.files();
  expect((await get(id)).status).toBe(status);
  expect(server.files()).toEqual(files);
});

test("servers that are shut out, and requests that must not be passed on", async () => {
  asked.length = 0;
  expect((await server.raw("GET", download("evil.example/x"), { token: alice })).status).toBe(404);
  expect((await server.raw("GET", `${download(`${name}/fresh`)}?allow_remote=false`, { token: alice })).status).toBe(404);
  expect((await server.raw("GET", openDownload(`${name}/fresh`))).status).toBe(404);
  expect(asked).toEqual([]);
});
