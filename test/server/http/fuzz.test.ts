import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../../src/lib/json";
import type { ObjectSchema } from "../../../src/lib/schema";
import { allGroups } from "../../../src/rest/registry";
import { compileRoutes } from "../../../src/rest/router";
import type { CompiledRoute } from "../../../src/rest/router";
import { createRoomsServer, enc } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { changed, exampleOf, oddTexts } from "./fuzzValues";
import { seedsOf } from "./fuzzSeeds";

/** Every route for people at each of its first paths; those for servers and for processes of ours have fuzz of their own. */
const routes = compileRoutes(allGroups).compiled.filter(
  ({ route, pattern }) =>
    pattern === route.paths[0] && !["federation", "replication"].includes(route.definition.auth) && !pattern.startsWith("/_matrix/key"),
);

/** Requests of each route. More of them by hand: FUZZ_RUNS=1000. fast-check tells the seed of what fails. */
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 6);

let server: RoomsServer;
let watcher: Client;
let watched: string;
let count = 0;
const mediaStore = mkdtempSync(join(tmpdir(), "media-"));
beforeAll(async () => {
  server = await createRoomsServer({
    media_store_path: mediaStore,
    login_via_existing_session: { enabled: true, require_ui_auth: true },
    url_preview_enabled: true,
    url_preview_ip_range_blacklist: ["0.0.0.0/0", "::/0"],
    server_notices: { system_mxid_localpart: "notices" },
    experimental_features: { msc3814_enabled: true },
    max_event_delay_duration: 86_400_000,
  });
  watcher = await server.client("watcher");
  watched = await watcher.createRoom();
});
afterAll(async () => {
  await server?.close();
  rmSync(mediaStore, { recursive: true });
});

type Names = Readonly<Record<string, string>>;

/** Somebody who may do everything, with a room: a request may end either. */
async function someone(): Promise<{ readonly client: Client; readonly known: Names }> {
  const [client, other] = [await server.client(`u${++count}`), await server.client(`o${count}`)];
  await server.app.db`update users set admin = true where user_id = ${client.userId}`;
  const roomId = await client.createRoom({ preset: "public_chat", invite: [other.userId] });
  const eventId = await client.text(roomId, "hello");
  const camel = { userId: other.userId, roomId, roomIdOrAlias: roomId, eventId, eventType: "m.room.message", type: "org.example.type" };
  const names = {
    deviceId: "DEVICE",
    receiptType: "m.read",
    kind: "override",
    serverName: "test.local",
    origin: "test.local",
    path: "global/",
  };
  const snake = { user_id: client.userId, room_id: roomId, event_id: eventId, device_keys: other.userId, dir: "b", ts: "1", limit: "10" };
  return { client, known: { ...names, ...camel, ...snake, room: roomId, user: other.userId, self: client.userId, event: eventId } };
}

/** What can stand in a URL. */
const short = oddTexts.filter((text) => text.length <= 300 && !/\p{Surrogate}/u.test(text));

/** Segments of the path: mostly what is there. Those who ask for themselves do. */
function pathOf({ pattern }: CompiledRoute, known: Names): fc.Arbitrary<string> {
  const names = [...pattern.matchAll(/:(\w+)(\([^)]*\))?\*?/g)];
  const values = names.map(([, name = "", words]) => {
    if (words !== undefined) return fc.constantFrom(...words.slice(1, -1).split("|"));
    const right = name === "userId" ? fc.constantFrom(known["self"] ?? "", known["user"] ?? "") : fc.constant(known[name] ?? "text");
    return fc.oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: short });
  });
  return fc.tuple(...values).map((chosen) => {
    let i = 0;
    return pattern.replace("/?", "").replace(/:(\w+)(\([^)]*\))?(\*?)/g, (_, _name, _words, rest: string) => {
      const value = chosen[i++] ?? "";
      return rest === "" ? enc(value) : value.split("/").map(enc).join("/");
    });
  });
}

function queryOf({ route }: CompiledRoute, known: Names): fc.Arbitrary<string> {
  const { query } = route.definition;
  const names = Object.keys((query as ObjectSchema<unknown> | undefined)?.fields ?? {});
  const values = names.map((name) => {
    // Nobody waits here for what never comes.
    if (name.startsWith("timeout")) return fc.constantFrom(undefined, "0", "-1", "x");
    const right = fc.constantFrom(undefined, known[name] ?? "1");
    return fc.oneof(right, right, short);
  });
  return fc
    .tuple(...values)
    .map((chosen) => chosen.flatMap((value, i) => (value === undefined ? [] : `${names[i] ?? ""}=${enc(value)}`)).join("&"));
}

function bodyOf({ route, pattern }: CompiledRoute, known: Names): fc.Arbitrary<JsonValue | undefined> {
  const { body } = route.definition;
  if (!body) return fc.constantFrom(undefined, {});
  const seeds = [exampleOf(body.json, known), ...seedsOf(`${route.method} ${pattern}`, known)];
  return fc.constantFrom(...seeds).chain(changed);
}

interface Sent {
  readonly path: string;
  readonly query: string;
  readonly body: JsonValue | undefined;
}

async function ask(method: string, { path, query, body }: Sent, token: string): Promise<{ status: number; text: string; type: string }> {
  const answer = await fetch(`${server.url}${path}?${query}`, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${token}` },
    ...(method !== "GET" && method !== "HEAD" && body !== undefined ? { body: JSON.stringify(body) } : {}),
  });
  return { status: answer.status, text: await answer.text(), type: answer.headers.get("content-type") ?? "" };
}

function check({ status, text, type }: { status: number; text: string; type: string }): void {
  // 502 and 504: another server was asked, and there is none.
  if (status >= 500 && status !== 502 && status !== 504) throw new Error(`${status} ${text}`);
  if (status < 400 || !type.startsWith("application/json")) return;
  const { errcode, flows } = JSON.parse(text) as JsonObject;
  if (status !== 401 || flows === undefined) expect(errcode).toMatch(/^[A-Z][A-Z0-9_.]+$/);
}

test.each(routes.map((compiled) => [`${compiled.route.method} ${compiled.pattern}`, compiled] as const))("%s", async (_, compiled) => {
  let { client, known } = await someone();
  const request = fc.record({ path: pathOf(compiled, known), query: queryOf(compiled, known), body: bodyOf(compiled, known) });
  await fc.assert(
    fc.asyncProperty(request, async (sent) => {
      check(await ask(compiled.route.method, sent, client.token));
      if ((await client.call("GET", "/account/whoami")).status !== 200) ({ client, known } = await someone());
    }),
    // The whole request is in the report, and making it smaller takes long.
    { numRuns: RUNS, endOnFailure: true },
  );
});

test("and afterwards the server is as it was", async () => {
  expect((await watcher.get(`/rooms/${enc(watched)}/joined_members`)).joined).toHaveProperty([watcher.userId]);
  await watcher.text(watched, "still here");
  expect((await watcher.get("/sync")).rooms.join).toHaveProperty([watched]);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});
