import sharp from "sharp";
import { allowBuffers, pictureFacts } from "../../builders/picture";
import { createMediaServer, image, thumbnail } from "./harness";
import type { MediaServer } from "./harness";

let server: MediaServer;
let alice: string;

beforeAll(async () => {
  server = await createMediaServer({ max_image_pixels: 1_000_000 });
  alice = await server.token("alice");
});
afterAll(() => server.close());

async function thumb(id: string, query: string): Promise<{ status: number; type: string | null; bytes: Buffer }> {
  const answer = await server.raw("GET", thumbnail(id, query), { token: alice });
  return { status: answer.status, type: answer.headers.get("content-type"), bytes: Buffer.from(await answer.arrayBuffer()) };
}

const sizeOf = async (bytes: Buffer): Promise<[number, number]> => {
  const { width, height } = await pictureFacts(bytes);
  return [width, height];
};

test.each([
  ["width=10&height=10&method=crop", [32, 32]],
  ["width=33&height=10&method=crop", [96, 96]],
  ["width=320&height=240&method=scale", [320, 160]],
  ["width=300&height=1", [320, 160]],
  ["width=700&height=500", [800, 400]],
  ["width=9999&height=9999", [800, 400]],
])("of the configured sizes the one that fits: %s", async (query, size) => {
  const id = await server.upload(alice, await image(1200, 600).jpeg().toBuffer(), { type: "image/jpeg" });
  const { status, type, bytes } = await thumb(id, query);
  expect([status, type]).toEqual([200, "image/jpeg"]);
  expect(await sizeOf(bytes)).toEqual(size);
});

test("thumbnails are made once, and named as Synapse names them", async () => {
  const id = await server.upload(alice, await image(400, 200).png().toBuffer(), { type: "application/octet-stream" });
  const query = "width=32&height=32&method=crop";
  const answers = await Promise.all([thumb(id, query), thumb(id, query), thumb(id, query)]);
  expect(answers.map(({ status, type }) => [status, type])).toEqual(Array(3).fill([200, "image/png"]));
  const [, m = ""] = id.split("/");
  expect(server.files().filter((file) => file.startsWith("local_thumbnails") && file.includes(m.slice(4)))).toEqual([
    `local_thumbnails/${m.slice(0, 2)}/${m.slice(2, 4)}/${m.slice(4)}/32-32-image-png-crop`,
  ]);
});

test("an image is never enlarged, and turned as its camera was", async () => {
  const small = await server.upload(alice, await image(20, 10).png().toBuffer());
  expect(await sizeOf((await thumb(small, "width=640&height=480")).bytes)).toEqual([20, 10]);
  const turned = await server.upload(alice, await image(400, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer());
  expect(await sizeOf((await thumb(turned, "width=320&height=240")).bytes)).toEqual([120, 240]);
});

test("what moves goes on moving if asked to", async () => {
  allowBuffers();
  const frames = await Promise.all([
    image(100, 50).png().toBuffer(),
    sharp({ create: { width: 100, height: 50, channels: 3, background: "blue" } })
      .png()
      .toBuffer(),
  ]);
  const gif = await sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
  const id = await server.upload(alice, gif, { type: "image/gif" });
  const still = await thumb(id, "width=32&height=32&method=scale");
  expect(still.type).toBe("image/png");
  const moving = await thumb(id, "width=32&height=32&method=scale&animated=true");
  expect(moving.type).toBe("image/webp");
  expect((await pictureFacts(moving.bytes)).pages).toBe(2);
});

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><image href="file:///etc/passwd"/></svg>`;

test.each([
  ["text", Buffer.from("no image at all"), 400],
  ["SVG", Buffer.from(SVG), 400],
  ["SVG in the clothes of a PNG", Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.from(SVG)]), 400],
  ["nothing", Buffer.alloc(0), 400],
])("%s has no thumbnails", async (_name, body, status) => {
  const id = await server.upload(alice, body, { type: "image/png" });
  expect((await thumb(id, "width=10&height=10")).status).toBe(status);
});

test("a small file that would unpack to a huge image is refused by its announced size", async () => {
  const bomb = await server.upload(alice, await image(4_000, 4_000).png({ compressionLevel: 9 }).toBuffer(), { type: "image/png" });
  const { status, bytes } = await thumb(bomb, "width=10&height=10");
  expect([status, JSON.parse(bytes.toString()).errcode]).toEqual([413, "M_TOO_LARGE"]);
});

test.each(["", "width=1", "width=0&height=1", "width=a&height=1", "width=1&height=1&method=stretch"])(
  "a wrong request: %s",
  async (query) => {
    const id = await server.upload(alice, Buffer.from("x"));
    expect((await thumb(id, query)).status).toBe(400);
  },
);
