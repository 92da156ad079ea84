import { join } from "node:path";
import { register, timelineOf } from "../builders/client";
import type { Body, Place, TestClient } from "../builders/client";
import { eventually } from "../builders/eventually";
import { startExample, workersOf } from "../builders/exampleDeployment";
import type { ExampleDeployment } from "../builders/exampleDeployment";
import { isInstalled, startNginx } from "../builders/nginx";

const V = "^/_matrix/client/(api/v1|r0|unstable)";

/** Which process has which requests, as Synapse's documentation says; the main process has all others. Later versions add the second row. */
const routes2021: readonly (readonly [string, string])[] = [
  ["^/_matrix/media/", "media-repository-1"],
  ["^/_matrix/client/v1/media/", "media-repository-1"],
  [`${V}/user_directory/search$`, "user_dir"],
  [`${V}/keys/upload`, "frontend_proxy"],
  ["^/_matrix/client/(v2_alpha|r0)/sync$", "worker1"],
  [`${V}/(login|register)$`, "worker1"],
  [`${V}/(keys/query|joined_rooms|search|devices)$`, "worker1"],
  [`${V}/rooms/.*/(joined_members|members|state|messages)$`, "worker2"],
  [`${V}/rooms/.*/(redact|send|state/)`, "worker2"],
  [`${V}/rooms/.*/(join|invite|leave|ban|unban|kick)$`, "worker2"],
  [`${V}/(join|profile)/`, "worker2"],
];
const routes2019: readonly (readonly [string, string])[] = [
  ["^/_matrix/media/", "media_repository1"],
  ["^/_matrix/client/v1/media/", "media_repository1"],
  [`${V}/user_directory/search$`, "user_dir1"],
  [`${V}/keys/upload`, "frontend_proxy1"],
  [`${V}/presence/[^/]+/status`, "frontend_proxy1"],
  ["^/_matrix/client/(v2_alpha|r0)/sync$", "synchrotron1"],
  [`${V}/(login|register|keys/query|publicRooms)$`, "client_reader1"],
  [`${V}/rooms/.*/(joined_members|members|state|messages)$`, "client_reader1"],
  [`${V}/rooms/.*/(send|state/)`, "event_creator1"],
  [`${V}/rooms/.*/(join|invite|leave|ban|unban|kick)$`, "event_creator1"],
  [`${V}/(join|profile)/`, "event_creator1"],
];

/** Asks each process for what the table gives it, by the paths of the time. */
function routed(deployment: ExampleDeployment, routes: readonly (readonly [string, string])[], used: Set<string>): Place {
  return (path) => {
    const old = path.replace("/_matrix/client/v3/", "/_matrix/client/r0/");
    const [pathname = ""] = old.split("?");
    const name = routes.find(([expression]) => new RegExp(expression).test(pathname))?.[1] ?? "main";
    used.add(name);
    return deployment.url(name) + old;
  };
}

const inRoom = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`;
let people = 0;

/** Two people do what people do, and each learns of the other. */
async function chat(place: Place, { hasPresence }: { readonly hasPresence: boolean }): Promise<void> {
  const number = ++people;
  const [alice, bob] = await Promise.all([register(place, `alice${number}`), register(place, `bob${number}`)]);
  await Promise.all([alice.sync(), bob.sync()]);
  const roomId = await alice.createRoom({ preset: "private_chat", invite: [bob.userId] });
  await bob.until((sync) => sync.rooms?.invite?.[roomId]);
  await bob.join(roomId);
  await alice.until((sync) => timelineOf(sync, roomId).find(({ state_key: who }) => who === bob.userId));
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    await to.sees(roomId, await from.say(roomId, `hello from ${from.userId}`));
    await from.ok("PUT", inRoom(roomId, `typing/${encodeURIComponent(from.userId)}`), { typing: true, timeout: 60_000 });
    const ephemeral = (sync: Body): Body[] => sync.rooms?.join?.[roomId]?.ephemeral.events ?? [];
    await to.until((sync) => ephemeral(sync).find((event) => event.type === "m.typing" && event.content.user_ids.includes(from.userId)));
    const messages = { [to.userId]: { [to.deviceId]: { from: from.userId } } };
    await from.ok("PUT", `/sendToDevice/org.example.test/${number}`, { messages });
    expect(await to.until((sync) => sync.to_device?.events.find((event: Body) => event.sender === from.userId))).toMatchObject({
      content: { from: from.userId },
    });
  }
  await presence(alice, bob, hasPresence);
  await keysAndNames(alice, bob);
  await media(place, alice);
}

async function presence(alice: TestClient, bob: TestClient, isOn: boolean): Promise<void> {
  const path = `/presence/${encodeURIComponent(bob.userId)}/status`;
  await bob.ok("PUT", path, { presence: "online", status_msg: "chatting" });
  const told = (sync: Body): Body => sync.presence?.events.find((event: Body) => event.sender === bob.userId && event.content.status_msg);
  if (isOn) expect(await alice.until(told)).toMatchObject({ content: { status_msg: "chatting" } });
  else expect((await alice.ok("GET", path)).status_msg).toBeUndefined();
}

async function keysAndNames(alice: TestClient, bob: TestClient): Promise<void> {
  const device = {
    user_id: bob.userId,
    device_id: bob.deviceId,
    algorithms: [],
    keys: { [`ed25519:${bob.deviceId}`]: "x" },
    signatures: {},
  };
  expect(await bob.ok("POST", "/keys/upload", { device_keys: device })).toHaveProperty("one_time_key_counts");
  const { device_keys: known } = await alice.ok("POST", "/keys/query", { device_keys: { [bob.userId]: [] } });
  expect(known[bob.userId][bob.deviceId]).toMatchObject({ keys: device.keys });
  const name = `Robert ${bob.userId.slice(1).split(":")[0]}`;
  await bob.ok("PUT", `/profile/${encodeURIComponent(bob.userId)}/displayname`, { displayname: name });
  await eventually(async () => {
    const { results } = await alice.ok("POST", "/user_directory/search", { search_term: name });
    return results.some((result: Body) => result.user_id === bob.userId);
  });
}

/** A file comes back as it went up. */
async function media(place: Place, { token }: TestClient): Promise<void> {
  const bytes = Buffer.from("a file\n\u0000");
  const at = (path: string): string => (typeof place === "string" ? place + path : place(path));
  const headers = { authorization: `Bearer ${token}` };
  const up = await fetch(at("/_matrix/media/r0/upload?filename=a.bin"), { method: "POST", headers, body: bytes });
  expect(up.status).toBe(200);
  const { content_uri: uri } = (await up.json()) as { content_uri: string };
  const down = await fetch(at(`/_matrix/client/v1/media/download/${uri.slice("mxc://".length)}`), { headers });
  expect(Buffer.from(await down.arrayBuffer())).toEqual(bytes);
}

/** As the operator of an example prints its file, and starts it. */
async function throughNginx({ folder }: ExampleDeployment, test: (url: string) => Promise<void>): Promise<void> {
  const proxy = await startNginx(join(folder, "homeserver.yaml"), [join(folder, "workers")]);
  await test(proxy.url).finally(() => proxy.stop());
}

const withNginx = isInstalled("nginx") ? test : test.skip;
const START_MS = 240_000;

describe.each([
  { example: "2021", routes: routes2021, hasPresence: true },
  { example: "2019", routes: routes2019, hasPresence: false },
])("the workers of $example", ({ example, routes, hasPresence }) => {
  let deployment: ExampleDeployment;
  beforeAll(async () => void (deployment = await startExample(example)), START_MS);
  afterAll(() => deployment?.close(), START_MS);

  test(
    "people chat, each request at the worker that the documentation of the time names",
    async () => {
      const used = new Set<string>();
      await chat(routed(deployment, routes, used), { hasPresence });
      expect([...new Set(["main", ...routes.map(([, name]) => name)])].filter((name) => !used.has(name))).toEqual([]);
    },
    START_MS,
  );

  withNginx("people of today chat through nginx", () => throughNginx(deployment, (url) => chat(url, { hasPresence })), START_MS);

  test("nothing is wrong with any of them", () => {
    const complaints = ["main", ...workersOf(example)].flatMap((name) => {
      const process = deployment.process(name);
      const lines = `${process.stdout()}${process.stderr()}`.split("\n").filter((line) => / - (ERROR|CRITICAL) - /.test(line));
      return process.ended() === undefined ? lines : [`${name} ended: ${process.ended()} ${process.stderr()}`];
    });
    expect(complaints).toEqual([]);
  });

  test(
    "the main process goes and comes back",
    async () => {
      const used = new Set<string>();
      const place = routed(deployment, routes, used);
      const [alice, bob] = await Promise.all([register(place, `alice-${example}`), register(place, `bob-${example}`)]);
      const roomId = await alice.createRoom({ preset: "public_chat" });
      await bob.join(roomId);
      await bob.sync();
      await deployment.process("main").kill();
      await deployment.start("main");
      await bob.sees(roomId, await alice.say(roomId, "still there?"));
    },
    START_MS,
  );
});

describe("the workers of today", () => {
  let deployment: ExampleDeployment;
  beforeAll(async () => void (deployment = await startExample("")), START_MS);
  afterAll(() => deployment?.close(), START_MS);

  test(
    "people chat with a worker, and with the main process",
    async () => {
      await chat((path) => deployment.url(path.includes("/media/") ? "media1" : "generic_worker1") + path, { hasPresence: true });
      await chat((path) => deployment.url(path.includes("/media/") ? "media1" : "main") + path, { hasPresence: true });
    },
    START_MS,
  );

  withNginx("people chat through nginx", () => throughNginx(deployment, (url) => chat(url, { hasPresence: true })), START_MS);
});

describe("the processes in containers", () => {
  let deployment: ExampleDeployment;
  beforeAll(async () => void (deployment = await startExample("compose")), START_MS);
  afterAll(() => deployment?.close(), START_MS);

  withNginx("people chat through nginx", () => throughNginx(deployment, (url) => chat(url, { hasPresence: true })), START_MS);
});
