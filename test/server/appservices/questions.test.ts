import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { createFakeService } from "./fakeService";
import type { FakeService } from "./fakeService";

let bridge: FakeService;
let old: FakeService;
let server: RoomsServer;
let alice: Client;

beforeAll(async () => {
  bridge = await createFakeService("bridge", {
    protocols: ["irc"],
    namespaces: { users: [{ exclusive: true, regex: "@_irc_.*" }], aliases: [{ exclusive: true, regex: "#_irc_.*" }], rooms: [] },
  });
  old = await createFakeService("old", { protocols: ["irc"], namespaces: { users: [], aliases: [], rooms: [] } });
  server = await createRoomsServer({ app_service_config_files: [bridge.file, old.file], use_appservice_legacy_authorization: true });
  alice = await server.client("alice");
});
afterAll(async () => {
  await server.close();
  await Promise.all([bridge.close(), old.close()]);
});
afterEach(() => [bridge, old].forEach((service) => service.respond(undefined)));

test("who is invited and does not exist yet may be made by the service", async () => {
  bridge.respond(async ({ path }) => {
    if (!path.startsWith("/_matrix/app/v1/users/")) return [404, {}];
    const body = { type: "m.login.application_service", username: "_irc_bob", inhibit_login: true };
    return [(await server.call("POST", "/register", body, bridge.asToken)).status, {}];
  });
  const roomId = await alice.createRoom();
  await alice.post(`${roomPath(roomId)}/invite`, { user_id: "@_irc_bob:test.local" });
  const asked = bridge.requests.filter(({ path }) => path.includes("/users/"));
  expect(asked.map(({ path }) => path)).toEqual(["/_matrix/app/v1/users/@_irc_bob:test.local"]);
  expect(asked[0]?.query.get("access_token")).toBe("hs-bridge");
  expect((await server.call("GET", `/profile/${enc("@_irc_bob:test.local")}`)).status).toBe(200);
});

test("an alias that points nowhere may be made by the service, which may know older paths only", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  bridge.respond(async ({ path }) => {
    if (!path.startsWith("/rooms/")) return [404, { errcode: "M_UNRECOGNIZED" }];
    const made = await server.call("PUT", `/directory/room/${enc("#_irc_room:test.local")}`, { room_id: roomId }, bridge.asToken);
    return [made.status, {}];
  });
  const bob = await server.client("bob");
  expect(await bob.post(`/join/${enc("#_irc_room:test.local")}`)).toEqual({ room_id: roomId });
  bridge.respond(() => [500, {}]);
  expect((await server.call("GET", `/directory/room/${enc("#_irc_none:test.local")}`)).body.errcode).toBe("M_NOT_FOUND");
});

test("networks, and users and rooms in them, are described by the services", async () => {
  const fields = { user_fields: ["nick"], location_fields: ["channel"], icon: "mxc://a/b", field_types: {} };
  bridge.respond(({ path, query }) => {
    if (path.endsWith("/protocol/irc")) return [200, { ...fields, instances: [{ desc: "Libera", network_id: "libera", fields: {} }] }];
    if (path.endsWith("/user/irc"))
      return [200, [{ protocol: "irc", userid: `@_irc_${query.get("nick")}:test.local`, fields: {} }, { no: 1 }]];
    if (path.endsWith("/location")) return [200, [{ protocol: "irc", alias: query.get("alias"), fields: { channel: "#x" } }]];
    return [404, {}];
  });
  old.respond(({ path }) =>
    path.startsWith("/_matrix/app/unstable/thirdparty/protocol")
      ? [200, { ...fields, instances: [{ desc: "Old", fields: {} }] }]
      : [404, { errcode: "M_UNRECOGNIZED" }],
  );
  const irc = {
    ...fields,
    instances: [
      { desc: "Libera", network_id: "libera", fields: {}, instance_id: "bridge|libera" },
      { desc: "Old", fields: {} },
    ],
  };
  expect(await alice.get("/thirdparty/protocols")).toEqual({ irc });
  bridge.requests.length = 0;
  expect(await alice.get("/thirdparty/protocol/irc")).toEqual(irc);
  expect(bridge.requests).toEqual([]);
  expect((await alice.call("GET", "/thirdparty/protocol/xmpp")).status).toBe(404);
  expect(await alice.get("/thirdparty/user/irc?nick=bob")).toEqual([{ protocol: "irc", userid: "@_irc_bob:test.local", fields: {} }]);
  const alias = "#_irc_x:test.local";
  expect(await alice.get(`/thirdparty/location?alias=${enc(alias)}`)).toEqual([{ protocol: "irc", alias, fields: { channel: "#x" } }]);
});

test("a ping tells what is wrong with the service", async () => {
  const ping = (id: string, token = bridge.asToken) => server.call("POST", `/_matrix/client/v1/appservice/${id}/ping`, {}, token);
  bridge.respond(() => [418, "teapot"]);
  expect(await ping("bridge")).toMatchObject({ status: 502, body: { errcode: "M_BAD_STATUS", status: 418, body: '"teapot"' } });
  expect((await ping("old")).body.errcode).toBe("M_FORBIDDEN");
  const { status, body } = await alice.call("POST", "/_matrix/client/v1/appservice/bridge/ping", {});
  expect([status, body.errcode]).toEqual([403, "M_FORBIDDEN"]);
});

test("networks have directories of their own", async () => {
  const roomId = await alice.createRoom({ name: "Bridged", preset: "public_chat" });
  const path = `/directory/list/appservice/libera/${enc(roomId)}`;
  const has = async (body: object): Promise<boolean> =>
    (await alice.post("/publicRooms", body)).chunk.some(({ room_id }: { room_id: string }) => room_id === roomId);
  expect((await alice.call("PUT", path, { visibility: "public" })).status).toBe(403);
  expect((await server.call("PUT", path, { visibility: "public" }, bridge.asToken)).status).toBe(200);
  const everywhere = async () =>
    Promise.all(
      [{}, { third_party_instance_id: "bridge|libera" }, { third_party_instance_id: "old|libera" }, { include_all_networks: true }].map(
        has,
      ),
    );
  expect(await everywhere()).toEqual([false, true, false, true]);
  expect((await alice.call("POST", "/publicRooms", { third_party_instance_id: "x" })).body.errcode).toBe("M_INVALID_PARAM");
  expect((await server.call("DELETE", path, undefined, bridge.asToken)).status).toBe(200);
  expect(await everywhere()).toEqual([false, false, false, false]);
});

test("services may say when an event happened, others may not", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await server.call("POST", `/join/${enc(roomId)}`, {}, bridge.asToken);
  const sent = await server.call("PUT", `${roomPath(roomId)}/send/m.room.message/1?ts=1234`, { body: "old" }, bridge.asToken);
  const timeOf = async (eventId: string): Promise<number> =>
    (await alice.get(`${roomPath(roomId)}/event/${enc(eventId)}`)).origin_server_ts;
  expect(await timeOf(sent.body.event_id)).toBe(1234);
  const own = await alice.call("PUT", `${roomPath(roomId)}/send/m.room.message/1?ts=1234`, { body: "now" });
  expect(await timeOf(own.body.event_id)).toBeGreaterThan(1234);
  expect((await server.call("PUT", `${roomPath(roomId)}/send/m.room.message/2?ts=-1`, { body: "x" }, bridge.asToken)).status).toBe(400);
});
