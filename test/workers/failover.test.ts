import { rendezvous } from "../../src/replication/rendezvous";
import { attempt, v3 } from "../builders/attempt";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";
import { expectNothingLost, startLoad } from "../builders/load";
import type { Load } from "../builders/load";

/** worker1 and worker2 share the rooms; worker3 may write too, but does not run yet. Clients are spread over main and worker2. */
const streams = ["events", "typing", "to_device", "account_data", "receipts", "presence"];
const shared = { stream_writers: Object.fromEntries(streams.map((stream) => [stream, ["worker1", "worker2", "worker3"]])) };
let deployment: TestDeployment;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  deployment = await startDeployment({
    workers: ["worker1", "worker2"],
    later: ["worker3"],
    shared,
  });
  [alice, bob] = await Promise.all([deployment.user("alice"), deployment.user("bob", "worker2")]);
});
afterAll(() => deployment?.close());

/** A room that `owner` writes while worker1 and worker2 are there. */
async function roomOf(owner: string): Promise<string> {
  for (;;) {
    const roomId = await alice.createRoom({ preset: "public_chat" });
    if (rendezvous(["worker1", "worker2"], roomId) !== owner) continue;
    await bob.join(roomId);
    return roomId;
  }
}

/** Both users send in a room of each writer while something happens. After it the service has to go on, and nothing may be lost. */
async function underLoad(happening: (load: Load) => Promise<void>): Promise<Load> {
  const rooms = [await roomOf("worker1"), await roomOf("worker2")];
  const load = startLoad([alice, bob].flatMap((client) => rooms.map((roomId) => ({ client, roomId }))));
  await progress(load);
  await happening(load);
  await progress(load);
  await load.stop();
  await expectNothingLost(load, deployment.url("main"));
  await expectNothingLost(load, deployment.url("worker2"));
  return load;
}

/** Every sender gets some more messages through. */
async function progress(load: Load): Promise<void> {
  const before = load.senders.map(({ acknowledged }) => acknowledged.length);
  await eventually(() => load.senders.every(({ acknowledged }, i) => acknowledged.length >= (before[i] ?? 0) + 3), 60_000);
}

async function holders(): Promise<string[]> {
  const rows = await deployment.database.db<{
    instance: string;
  }>`select instance from leases where stands_for = 'events' order by instance`;
  return rows.map(({ instance }) => instance);
}

test("both writers write, each its own rooms", async () => {
  const load = await underLoad(async () => undefined);
  expect(load.senders.flatMap(({ failures }) => [...failures])).toEqual([]);
});

test("a writer that stops hands its rooms over, and takes them back when it starts again", async () => {
  await underLoad(async () => {
    await deployment.process("worker1").stop();
    expect(await holders()).toEqual(["worker2"]);
  });
  await underLoad(async () => {
    await deployment.start("worker1");
    await eventually(async () => (await holders()).length === 2);
  });
});

test("the rooms of a writer that was killed go to the other one", async () => {
  await underLoad(async () => {
    await deployment.process("worker1").kill();
    await eventually(async () => (await holders()).length === 1);
  });
  await underLoad(() => deployment.start("worker1"));
});

test("receipts, typing, presence, account data and messages to devices have another writer at once when theirs is killed", async () => {
  const roomId = await roomOf("worker2");
  await Promise.all([alice.sync(), bob.sync()]);
  const eventId = await alice.say(roomId, "before");
  const user = (name: TestClient): string => encodeURIComponent(name.userId);
  const toDevice = (text: string) => ({ messages: { [bob.userId]: { [bob.deviceId]: { text } } } });
  await alice.ok("PUT", "/sendToDevice/org.example.test/before", toDevice("before"));
  await deployment.process("worker1").kill();
  await Promise.all([
    alice.ok("PUT", "/sendToDevice/org.example.test/after", toDevice("after")),
    alice.ok("POST", `/rooms/${encodeURIComponent(roomId)}/receipt/m.read/${encodeURIComponent(eventId)}`, {}),
    alice.ok("PUT", `/rooms/${encodeURIComponent(roomId)}/typing/${user(alice)}`, { typing: true, timeout: 120_000 }),
    alice.ok("PUT", `/presence/${user(alice)}/status`, { presence: "online", status_msg: "still here" }),
    bob.on(deployment.url("main")).ok("PUT", `/user/${user(bob)}/account_data/org.example.test`, { text: "after" }),
  ]);
  const seen = new Set<string>();
  await bob.until((sync) => {
    for (const { content } of sync.to_device?.events ?? []) seen.add(`message ${content.text}`);
    for (const { content } of sync.account_data?.events ?? []) if (content.text !== undefined) seen.add(`account data ${content.text}`);
    for (const { content } of sync.presence?.events ?? []) if (content.status_msg !== undefined) seen.add(content.status_msg);
    for (const { type, content } of sync.rooms?.join?.[roomId]?.ephemeral.events ?? []) {
      if (type === "m.typing" && content.user_ids.includes(alice.userId)) seen.add(type);
      if (type === "m.receipt" && content[eventId]?.["m.read"]?.[alice.userId] !== undefined) seen.add(type);
    }
    return seen.size === 6 || undefined;
  });
  await deployment.start("worker1");
});

test("a writer that was frozen cannot write behind its successor's back when it wakes", async () => {
  await underLoad(async (load) => {
    deployment.process("worker1").freeze();
    await eventually(async () => (await holders()).length === 1);
    await progress(load);
    deployment.process("worker1").thaw();
    await eventually(async () => (await holders()).length === 2);
  });
});

test("what clients gave up that asked a frozen worker is not done any more when it wakes", async () => {
  const path = (type: string): string => `/user/${encodeURIComponent(alice.userId)}/account_data/org.example.${type}`;
  const worker = deployment.url("worker2");
  await alice.on(worker).ok("PUT", path("order"), { n: 0 });
  deployment.process("worker2").freeze();
  const given = await Promise.all(Array.from({ length: 20 }, () => attempt(worker, alice, "PUT", v3(path("order")), { n: 1 })));
  expect(new Set(given.map(({ status }) => status))).toEqual(new Set([0]));
  await alice.ok("PUT", path("order"), { n: 2 });
  deployment.process("worker2").thaw();
  // Came last, so it is done last.
  await alice.on(worker).ok("PUT", path("later"), {});
  await eventually(async () => (await holders()).length === 2);
  for (const place of ["main", "worker1", "worker2"])
    expect(await alice.on(deployment.url(place)).ok("GET", path("order"))).toEqual({ n: 2 });
});

test("while Redis is away messages get through by way of the database, and afterwards nothing is missing", async () => {
  const [first, second] = [await roomOf("worker1"), await roomOf("worker2")];
  await Promise.all([alice.sync(), bob.sync()]);
  await deployment.redis.kill();
  for (const roomId of [first, second]) {
    await bob.sees(roomId, await alice.say(roomId, "can you hear me?"));
    await alice.sees(roomId, await bob.say(roomId, "I can"));
  }
  const kept = await alice.say(first, "one more");
  await deployment.redis.restart();
  await bob.sees(first, kept);
  await bob.sees(second, await alice.say(second, "back again"));
});

test("without main, messages and syncs go on at the workers; it comes back without anybody else being restarted", async () => {
  const apart = await roomOf("worker1");
  await underLoad(async (load) => {
    load.redirect(deployment.url("worker2"));
    await deployment.process("main").kill();
    await progress(load);
    await bob.sees(apart, await alice.on(deployment.url("worker1")).say(apart, "who needs main?"));
    await deployment.start("main");
    load.redirect(deployment.url("main"));
  });
});

test("a worker that is added later serves clients and takes rooms, and nobody has to be restarted", async () => {
  await underLoad(async () => {
    await deployment.start("worker3");
    await eventually(async () => (await holders()).length === 3);
  });
  const carol = await register(deployment.url("worker3"), "carol");
  const roomId = await carol.createRoom({ preset: "public_chat" });
  await alice.join(roomId);
  await carol.sees(roomId, await alice.say(roomId, "welcome"));
});
