import { register, registerAdmin } from "../builders/client";
import type { Answer, TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";

// Rooms are owned by worker1, duties by a worker that no other can call, and administrators speak to worker2, which owns nothing.

let deployment: TestDeployment;
let token: string;
let bob: TestClient;

const enc = encodeURIComponent;

async function call(instance: string, method: string, path: string, body?: unknown, as: string | undefined = token): Promise<Answer> {
  const response = await fetch(`${deployment.url(instance)}${path}`, {
    method,
    headers: as === undefined ? {} : { authorization: `Bearer ${as}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}
const manage = (method: string, path: string, body?: unknown) => call("worker2", method, `/_synapse/admin${path}`, body);

beforeAll(async () => {
  deployment = await startDeployment({
    workers: ["worker1", "worker2", "background"],
    unreachable: ["background"],
    shared: {
      stream_writers: { events: ["worker1"] },
      run_background_tasks_on: "background",
      server_notices: { system_mxid_localpart: "notices", system_mxid_display_name: "Server", room_name: "News" },
    },
  });
  // What one process says once is asked back by another.
  const places = ["worker1", "worker2"];
  ({ token } = await registerAdmin((path) => deployment.url(places.shift() ?? "worker2") + path, "boss"));
  bob = await register(deployment.url("main"), "bob");
});
afterAll(() => deployment?.close());

/** Until each process says the same of a request of Bob's. */
async function everywhere(status: number, method = "GET", path = "/_matrix/client/v3/account/whoami"): Promise<void> {
  for (const instance of ["main", "worker1", "worker2"]) {
    await eventually(async () => (await call(instance, method, path, undefined, bob.token)).status === status);
  }
}

test("what is done to an account holds in every process", async () => {
  await everywhere(200);
  const path = `/v2/users/${enc(bob.userId)}`;
  expect((await manage("PUT", path, { locked: true })).body.locked).toBe(true);
  await everywhere(401);
  await manage("PUT", path, { locked: false });
  await everywhere(200);
  const puppet = (await manage("POST", `/v1/users/${enc(bob.userId)}/login`, {})).body.access_token;
  expect((await call("main", "GET", "/_matrix/client/v3/account/whoami", undefined, puppet)).body.user_id).toBe(bob.userId);
  await manage("POST", `/v1/users/${enc(bob.userId)}/override_ratelimit`, { messages_per_second: 1, burst_count: 1 });
  const roomId = await bob.createRoom();
  await eventually(
    async () => (await bob.call("PUT", `/rooms/${enc(roomId)}/send/m.room.message/${Date.now()}${Math.random()}`, {})).status === 429,
  );
  await manage("DELETE", `/v1/users/${enc(bob.userId)}/override_ratelimit`);
});

test("rooms are changed by their owner whoever is asked, and long work is done by whoever has the duty", async () => {
  const roomId = await bob.createRoom({ preset: "public_chat" });
  const eventId = await bob.say(roomId, "spam");
  const carol = await register(deployment.url("worker2"), "carol");
  expect((await manage("POST", `/v1/join/${enc(roomId)}`, { user_id: carol.userId })).body).toEqual({ room_id: roomId });
  expect((await manage("POST", `/v1/rooms/${enc(roomId)}/make_room_admin`, { user_id: carol.userId })).body).toEqual({});
  expect((await manage("GET", `/v1/rooms/${enc(roomId)}/forward_extremities`)).body.count).toBe(1);
  expect((await manage("DELETE", `/v1/rooms/${enc(roomId)}/forward_extremities`)).body).toEqual({ deleted: 0 });
  const { redact_id: id } = (await manage("POST", `/v1/user/${enc(bob.userId)}/redact`, { rooms: [roomId] })).body;
  await eventually(async () => (await manage("GET", `/v1/user/redact_status/${id}`)).body.status === "complete");
  await eventually(async () => {
    const event = await carol.ok("GET", `/rooms/${enc(roomId)}/event/${enc(eventId)}`);
    return event.content.body === undefined;
  });
});

test("work on the database as a whole is held up and begun by whoever is asked", async () => {
  const path = "/v1/background_updates";
  expect((await manage("POST", `${path}/enabled`, { enabled: false })).body).toEqual({ enabled: false });
  expect((await call("main", "GET", `/_synapse/admin${path}/enabled`)).body).toEqual({ enabled: false });
  expect((await manage("POST", `${path}/start_job`, { job_name: "regenerate_directory" })).body).toEqual({});
  const current = async (): Promise<object> => (await manage("GET", `${path}/status`)).body.current_updates;
  expect(await current()).toMatchObject({ master: { name: "regenerate_directory", total_item_count: 0 } });
  expect((await call("main", "POST", `/_synapse/admin${path}/enabled`, { enabled: true })).body).toEqual({ enabled: true });
  await eventually(async () => Object.keys(await current()).length === 0);
  await manage("POST", `${path}/enabled`, { enabled: false });
  await deployment.process("background").stop();
  await deployment.start("background");
  await eventually(async () => (await manage("GET", `${path}/enabled`)).body.enabled === true);
  for (const name of ["main", "worker1", "worker2"]) expect(deployment.process(name).stderr()).not.toMatch(/ERROR/);
});

test("notices that different processes are asked to send at once go to one room", async () => {
  const content = { msgtype: "m.text", body: "Hello" };
  const send = (instance: string) => call(instance, "POST", "/_synapse/admin/v1/send_server_notice", { user_id: bob.userId, content });
  const answers = await Promise.all(["main", "worker1", "worker2"].map(send));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  const rooms = await bob.until((sync) => {
    const invites = Object.values(sync.rooms?.invite ?? {}) as { invite_state: { events: { sender: string }[] } }[];
    const own = invites.filter(({ invite_state: state }) => state.events.some(({ sender }) => sender === "@notices:test.local"));
    return own.length > 0 ? own.length : undefined;
  });
  expect(rooms).toBe(1);
  const { memberships } = (await manage("GET", `/v1/users/${enc(bob.userId)}/memberships`)).body;
  expect(Object.values(memberships).filter((membership) => membership === "invite")).toHaveLength(1);
});
