import { boundaryOf, secondPart } from "../../../src/remote/multipart";
import { requestText } from "../../../src/remote/federationClient";
import { createPeer, peerConfig } from "../../builders/peer";
import type { Peer } from "../../builders/peer";
import { createMediaServer, image } from "./harness";
import type { MediaServer } from "./harness";

let server: MediaServer;
let peer: Peer;
let alice: string;

beforeAll(async () => {
  server = await createMediaServer(peerConfig);
  peer = await createPeer({ url: server.url, serverName: "test.local" });
  alice = await server.token("alice");
});
afterAll(async () => {
  await server.close();
  await peer.close();
});

/** As the other server asks, with its signature. */
async function ask(uri: string): Promise<Response> {
  const signature = peer.key.sign(requestText({ method: "GET", uri, origin: peer.name, destination: "test.local", content: undefined }));
  const authorization = `X-Matrix origin="${peer.name}",destination="test.local",key="${peer.key.keyId}",sig="${signature}"`;
  return server.raw("GET", uri, { headers: { authorization } });
}

async function partOf(answer: Response): Promise<{ headers: object; body: Buffer; announced: boolean }> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  const source = (async function* (): AsyncGenerator<Buffer> {
    yield await Promise.resolve(bytes);
  })();
  const { headers, body } = await secondPart(source, boundaryOf(answer.headers.get("content-type") ?? "") ?? "");
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const announced = Number(answer.headers.get("content-length")) === bytes.length;
  return { headers: Object.fromEntries(headers), body: Buffer.concat(chunks), announced };
}

const path = (kind: string, id: string): string => `/_matrix/federation/v1/media/${kind}/${id.split("/")[1] ?? ""}`;

test("another server gets our media in parts, even those that are frozen", async () => {
  const id = await server.upload(alice, Buffer.from("for others"), { name: "n ame.txt" });
  const answer = await ask(`${path("download", id)}?timeout_ms=100`);
  expect(answer.status).toBe(200);
  expect(await partOf(answer)).toEqual({
    headers: { "content-type": "text/plain; charset=UTF-8", "content-disposition": "inline; filename*=utf-8''n%20ame.txt" },
    body: Buffer.from("for others"),
    announced: true,
  });
  expect((await server.raw("GET", path("download", id))).status).toBe(401);
  expect((await ask(path("download", "test.local/unknown"))).status).toBe(404);
});

test("and thumbnails of them", async () => {
  const id = await server.upload(alice, await image(100, 100).png().toBuffer(), { type: "image/png" });
  const { headers, body } = await partOf(await ask(`${path("thumbnail", id)}?width=32&height=32&method=crop`));
  expect(headers).toMatchObject({ "content-type": "image/png" });
  expect(body.subarray(1, 4).toString()).toBe("PNG");
});
