import { createKeysServer, deviceKeys, newKey } from "./harness";
import type { KeysServer } from "./harness";

let server: KeysServer;
const path = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";

beforeAll(async () => {
  server = await createKeysServer({ experimental_features: { msc3814_enabled: true } });
});
afterAll(() => server.close());

test("a dehydrated device receives messages, and is replaced and deleted with its keys", async () => {
  const alice = await server.user("alice");
  const call = (method: string, rest = "", body?: unknown) => server.call(method, path + rest, body, alice.token);
  const put = (deviceId: string) => {
    const device = { userId: alice.userId, deviceId };
    const keys = deviceKeys(device, newKey(alice.userId, deviceId));
    return call("PUT", "", { device_id: deviceId, device_data: { algorithm: "x" }, device_keys: keys, one_time_keys: { "a:b": "k" } });
  };
  expect((await call("GET")).status).toBe(404);
  expect((await put(alice.deviceId)).status).toBe(403);
  expect(await put("SLEEPY")).toEqual({ status: 200, body: { device_id: "SLEEPY" } });
  expect((await call("GET")).body).toEqual({ device_id: "SLEEPY", device_data: { algorithm: "x" } });
  for (const n of [1, 2]) await alice.ok("PUT", `/sendToDevice/my.type/${n}`, { messages: { [alice.userId]: { SLEEPY: { n } } } });
  const first = (await call("POST", "/SLEEPY/events", {})).body;
  expect(first.events.map((event: { content: unknown }) => event.content)).toEqual([{ n: 1 }, { n: 2 }]);
  expect((await call("POST", "/SLEEPY/events", { next_batch: first.next_batch })).body.events).toEqual([]);
  expect((await call("POST", `/${alice.deviceId}/events`, {})).status).toBe(403);
  await put("DOZY");
  const devices = async () =>
    Object.keys((await alice.ok("POST", "/keys/query", { device_keys: { [alice.userId]: [] } })).device_keys[alice.userId]);
  expect(await devices()).toEqual(["DOZY"]);
  expect((await call("DELETE")).body).toEqual({ device_id: "DOZY" });
  expect(await devices()).toEqual([]);
  expect((await call("GET")).status).toBe(404);
});
