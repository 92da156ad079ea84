import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMediaServer, download, image } from "./harness";
import type { MediaServer } from "./harness";

let server: MediaServer;
let site: Server;
let base: string;
let port: number;
let alice: string;
const asked: string[] = [];

const POST = {
  type: "video",
  author_name: "Somebody",
  provider_name: "Posts",
  width: 640,
  html: '<iframe src="/player"></iframe><img src="/picture.png">',
};

const pages: Record<string, (request: IncomingMessage, response: ServerResponse) => void | Promise<void>> = {
  "/og.html": (_request, response) =>
    void response
      .setHeader("content-type", "text/html")
      .end(
        `<html><head><title>Other &amp; title</title><meta property="og:title" content="The &quot;Rock&quot;"/>` +
          `<meta property="og:image" content="picture.png"><meta property="__proto__" content="x"></head><body><script>no()</script>hi</body></html>`,
      ),
  "/plain": (_request, response) =>
    void response
      .setHeader("content-type", "text/html; charset=iso-8859-1")
      .end(Buffer.from(`<title>Caf\xe9</title><body><nav>menu</nav><p>${"word ".repeat(300)}</p><script>x</script>`, "latin1")),
  "/picture.png": async (_request, response) =>
    void response.setHeader("content-type", "image/png").end(await image(30, 20).png().toBuffer()),
  "/away": (_request, response) => void response.writeHead(302, { location: `http://127.0.0.2:${port}/og.html` }).end(),
  "/blockedredirect": (_request, response) => void response.writeHead(302, { location: "/secret/x" }).end(),
  "/huge": (_request, response) => {
    response.setHeader("content-type", "text/html");
    const more = (): void => {
      while (response.write("x".repeat(65_536)));
      response.once("drain", more);
    };
    more();
  },
  "/zip": (_request, response) => void response.setHeader("content-type", "application/zip").end("PK"),
  "/broken": (_request, response) => void response.writeHead(500).end(),
  "/embed.json": (_request, response) =>
    void response
      .setHeader("content-type", "application/json")
      .end(JSON.stringify({ version: "1.0", type: "rich", title: "Embedded", html: "<blockquote>quoted words</blockquote>" })),
  "/post.json": (_request, response) => void response.setHeader("content-type", "application/json").end(JSON.stringify(POST)),
  "/post": (_request, response) =>
    void response
      .setHeader("content-type", "text/html")
      .end(`<link rel="alternative" type="application/json+oembed" href="/post.json"><body></body>`),
  "/embedded": (_request, response) =>
    void response
      .setHeader("content-type", "text/html")
      .end(`<link rel="alternate" type="application/json+oembed" href="/embed.json"><title>Outer</title>`),
};

beforeAll(async () => {
  site = createServer((request, response) => {
    asked.push(request.url ?? "");
    const page = pages[request.url ?? ""];
    if (page) void page(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => site.listen(0, "0.0.0.0", resolve));
  port = (site.address() as AddressInfo).port;
  base = `http://127.0.0.1:${port}`;
  server = await createMediaServer({
    url_preview_enabled: true,
    url_preview_ip_range_blacklist: ["127.0.0.0/8", "10.0.0.0/8"],
    url_preview_ip_range_whitelist: ["127.0.0.1/32"],
    url_preview_url_blacklist: [{ path: "/secret/*" }, { netloc: "*.bad.example" }],
    max_spider_size: 1_000_000,
  });
  alice = await server.token("alice");
});
afterAll(async () => {
  await server.close();
  site.closeAllConnections();
  site.close();
});

async function preview(
  url: string,
  path = "/_matrix/client/v1/media/preview_url",
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await server.raw("GET", `${path}?url=${encodeURIComponent(url)}`, { token: alice });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test("a page is described by its OpenGraph fields, and its image becomes ours", async () => {
  const [first, second] = await Promise.all([preview(`${base}/og.html`), preview(`${base}/og.html#here`, "/_matrix/media/v3/preview_url")]);
  expect(first).toEqual(second);
  expect(first.body).toEqual({
    "og:title": 'The "Rock"',
    "og:description": "hi",
    "og:image": expect.stringMatching(/^mxc:\/\/test\.local\/\d{4}-\d\d-\d\d_[A-Za-z]{16}$/),
    "og:image:type": "image/png",
    "og:image:width": 30,
    "og:image:height": 20,
    "matrix:image:size": expect.any(Number),
  });
  await preview(`${base}/og.html`);
  expect(asked.filter((path) => path === "/og.html")).toHaveLength(1);
  const mxc = String(first.body["og:image"]).replace("mxc://", "");
  expect((await server.raw("GET", download(mxc), { token: alice })).headers.get("content-type")).toBe("image/png");
  expect(server.files().some((file) => /^url_cache\/\d{4}-\d\d-\d\d\/[A-Za-z]{16}$/.test(file))).toBe(true);
});

test("a page without them, in another charset", async () => {
  const { body } = await preview(`${base}/plain`);
  expect(body["og:title"]).toBe("Café");
  expect(body["og:description"]).toMatch(/^word word .*word…$/);
  expect(String(body["og:description"]).length).toBeLessThanOrEqual(500);
});

test("images, other things, and what stands for a page", async () => {
  expect((await preview(`${base}/picture.png`)).body).toMatchObject({ "og:image:width": 30, "og:image:type": "image/png" });
  expect((await preview(`${base}/zip`)).body).toEqual({});
  expect((await preview(`${base}/embedded`)).body).toEqual({
    "og:url": `${base}/embedded`,
    "og:title": "Outer",
    "og:description": "quoted words",
  });
  const post = await preview(`${base}/post`);
  expect(post.body).toMatchObject({ "og:title": "Somebody", "og:site_name": "Posts", "og:type": "video.other", "og:video:width": 640 });
  expect(post.body["og:image"]).toMatch(/^mxc:/);
});

test("nothing is fetched from where it may not be", async () => {
  asked.length = 0;
  const status = async (url: string): Promise<number> => (await preview(url)).status;
  expect(await status(`http://127.0.0.2:${port}/og.html`)).toBe(502);
  expect(await status(`http://[::ffff:127.0.0.2]:${port}/og.html`)).toBe(502);
  expect(await status(`http://2130706434:${port}/og.html`)).toBe(502);
  expect(await status(`${base}/away`)).toBe(502);
  expect(await status(`${base}/secret/x`)).toBe(403);
  expect(await status(`${base}/blockedredirect`)).toBe(403);
  expect(await status("http://very.bad.example/")).toBe(403);
  expect(await status("file:///etc/passwd")).toBe(400);
  expect(await status("nonsense")).toBe(400);
  expect(asked.filter((path) => path === "/og.html" || path.startsWith("/secret"))).toEqual([]);
});

test("failures and pages without end", async () => {
  expect((await preview(`${base}/broken`)).status).toBe(502);
  expect((await preview(`${base}/huge`)).status).toBe(502);
  expect((await server.raw("GET", `/_matrix/client/v1/media/preview_url?url=${encodeURIComponent(base)}`)).status).toBe(401);
});
