import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { createConnections } from "../../../src/remote/federationConnections";
import { testConfig } from "../../builders/config";
import { selfSigned } from "../../builders/selfSigned";

/** Where a server says that it is elsewhere, it is followed there, but not anywhere. */
const config = testConfig({ federation_verify_certificates: false, ip_range_whitelist: [] });
const connections = createConnections({ ...config, federation_ip_range_blacklist: ["10.0.0.0/8", "169.254.0.0/16", "::1/128"] }, "test");
const DELEGATION = '{"m.server":"b.test:1"}';
let origin = "";
let asked: string[] = [];
let location = "";

const server = createServer(selfSigned(), (request, response) => {
  const path = request.url ?? "";
  asked.push(path);
  if (path === "/there") return void response.setHeader("cache-control", "max-age=1").end(DELEGATION);
  if (path === "/endless")
    return void Readable.from(endless())
      .on("error", () => undefined)
      .pipe(response);
  return void response.writeHead(302, { location: location.replace("ORIGIN", origin) }).end("x".repeat(100_000));
});
function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536, 0x20);
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await connections.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => (asked = []));

const follow = (to: string) => {
  location = to;
  return connections.fetchWellKnown(origin.slice("https://".length));
};

test.each(["/there", "ORIGIN/there", "//HOST/there"])("a redirect to %s is followed", async (to) => {
  const answer = await follow(to.replace("HOST", origin.slice("https://".length)));
  expect({ ...answer, body: answer.body.toString() }).toMatchObject({ status: 200, body: DELEGATION, cacheControl: "max-age=1" });
  expect(asked).toEqual(["/.well-known/matrix/server", "/there"]);
});

test("one that leads in a circle ends", async () => {
  await expect(follow("/.well-known/matrix/server")).rejects.toThrow("too often");
  expect(asked).toHaveLength(11);
});

test.each(["file:///etc/passwd", "ftp://127.0.0.1/", "data:application/json,{}", "gopher://127.0.0.1/"])(
  "one to %s is not followed",
  async (to) => {
    await expect(follow(to)).rejects.toThrow("something else than HTTP");
  },
);

test.each([
  "https://10.1.2.3/",
  "http://169.254.169.254/latest/meta-data/",
  "https://[::ffff:10.1.2.3]/",
  "https://[::1]/",
  "https://0x0a010203/",
  "https://167838211/",
  "https://0.0.0.0/",
])("one to the forbidden address %s is not followed", async (to) => {
  await expect(follow(to)).rejects.toThrow("may not be reached");
});

test("one to an answer without an end is given up", async () => {
  await expect(follow("/endless")).rejects.toThrow("too large");
});

test("one without a place is an answer like any other", async () => {
  await expect(follow("https://")).rejects.toThrow();
  expect(asked).toHaveLength(1);
});
