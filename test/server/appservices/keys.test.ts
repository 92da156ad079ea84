import { createMetrics } from "../../../src/observe/metrics";
import { startAppserviceSender } from "../../../src/services/appserviceSender/appserviceSender";
import { eventually } from "../../builders/eventually";
import { createRoomsServer, enc } from "../rooms/harness";
import type { Answer, Client, RoomsServer } from "../rooms/harness";
import { createFakeService } from "./fakeService";
import type { FakeService } from "./fakeService";

const PREFIX = "org.matrix.msc3202";
const GHOST = "@_bridge_a:test.local";

let bridge: FakeService;
let plain: FakeService;
let server: RoomsServer;
let alice: Client;
let stop: () => Promise<void>;

beforeAll(async () => {
  const users = (name: string) => ({ users: [{ exclusive: true, regex: `@_${name}_.*` }] });
  bridge = await createFakeService("bridge", { [PREFIX]: true, "io.element.msc4190": true, namespaces: users("bridge") });
  plain = await createFakeService("plain", { namespaces: users("plain") });
  server = await createRoomsServer({
    app_service_config_files: [bridge.file, plain.file],
    experimental_features: { msc3202_transaction_extensions: true, msc3202_device_masquerading: true },
  });
  stop = startAppserviceSender({ ...server.app, metrics: createMetrics("test.local") });
  alice = await server.client("alice");
});
afterAll(async () => {
  await stop();
  await server.close();
  await Promise.all([bridge.close(), plain.close()]);
});

const asGhost = (method: string, path: string, body: unknown = {}): Promise<Answer> =>
  server.call(method, `${path}?user_id=${enc(GHOST)}&device_id=BRIDGE`, body, bridge.asToken);

/** The values of a field in the transactions that came so far. */
const fields = (service: FakeService, name: string): Answer["body"][] =>
  service.requests.flatMap(({ method, body }) => {
    const value = method === "PUT" ? (body as Answer["body"])?.[`${PREFIX}.${name}`] : undefined;
    return value === undefined ? [] : [value];
  });

test("a service hears of changed devices and of the keys that are left of its users", async () => {
  await server.call(
    "POST",
    "/register",
    { type: "m.login.application_service", username: "_bridge_a", inhibit_login: true },
    bridge.asToken,
  );
  await server.call("PUT", `/devices/BRIDGE?user_id=${enc(GHOST)}`, { display_name: "b" }, bridge.asToken);
  const uploaded = await asGhost("POST", "/keys/upload", {
    one_time_keys: { "signed_curve25519:A": { key: "a" }, "signed_curve25519:B": { key: "b" } },
    fallback_keys: { "signed_curve25519:F": { key: "f", fallback: true } },
  });
  expect(uploaded).toMatchObject({ status: 200 });
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await server.call("POST", `/join/${enc(roomId)}?user_id=${enc(GHOST)}`, {}, bridge.asToken);
  await alice.text(roomId, "hello");
  const counted = { [GHOST]: { BRIDGE: { signed_curve25519: 2 } } };
  await eventually(() => Promise.resolve(fields(bridge, "device_one_time_keys_count").length > 0));
  expect(fields(bridge, "device_one_time_keys_count").at(-1)).toEqual(counted);
  expect(fields(bridge, "device_one_time_key_counts").at(-1)).toEqual(counted);
  expect(fields(bridge, "device_unused_fallback_key_types").at(-1)).toEqual({ [GHOST]: { BRIDGE: ["signed_curve25519"] } });

  // Somebody in its room has a new device; somebody else it does not know.
  const login = (user: string) =>
    server.call("POST", "/login", { type: "m.login.password", identifier: { type: "m.id.user", user }, password: "sUp3r s3kr1t" });
  await server.client("stranger");
  await login("stranger");
  await login("alice");
  const changed = () => fields(bridge, "device_lists").flatMap(({ changed: users }) => users as string[]);
  await eventually(() => Promise.resolve(changed().includes(alice.userId)));
  expect(changed()).toContain(GHOST);
  expect(changed()).not.toContain("@stranger:test.local");

  // A key is taken: the next transaction says so.
  await alice.post("/keys/claim", { one_time_keys: { [GHOST]: { BRIDGE: "signed_curve25519" } } });
  await alice.text(roomId, "again");
  await eventually(() => Promise.resolve(fields(bridge, "device_one_time_keys_count").at(-1)?.[GHOST]?.BRIDGE?.signed_curve25519 === 1));
});

test("a service that did not ask for it hears nothing of keys", async () => {
  await server.call("POST", "/register", { type: "m.login.application_service", username: "_plain_a" }, plain.asToken);
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await server.call("POST", `/join/${enc(roomId)}?user_id=${enc("@_plain_a:test.local")}`, {}, plain.asToken);
  await plain.hears((event) => event.room_id === roomId);
  expect(plain.requests.flatMap(({ body }) => Object.keys(body ?? {})).filter((name) => name.startsWith(PREFIX))).toEqual([]);
});
