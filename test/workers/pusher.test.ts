import { rendezvous } from "../../src/replication/rendezvous";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";
import { createFakeGateway } from "../server/push/fakeGateway";
import type { FakeGateway } from "../server/push/fakeGateway";

const pushers = ["pusher1", "pusher2"];
let deployment: TestDeployment;
let gateway: FakeGateway;

beforeAll(async () => {
  gateway = await createFakeGateway();
  deployment = await startDeployment({
    workers: pushers,
    shared: { start_pushers: false, pusher_instances: pushers, ip_range_blacklist: [] },
  });
});
afterAll(async () => {
  await deployment?.close();
  await gateway?.close();
});

/** Somebody to whom `instance` pushes while both are there; the pushkey is the name. */
async function phoneOf(name: string, instance: string): Promise<{ client: TestClient; pushkey: string }> {
  let i = 0;
  while (rendezvous(pushers, `@${name}${i}:test.local`) !== instance) i++;
  const pushkey = `${name}${i}`;
  const client = await register(deployment.url("main"), pushkey);
  const names = { app_id: "app", app_display_name: "App", device_display_name: "Phone", lang: "en" };
  await client.ok("POST", "/pushers/set", { ...names, kind: "http", pushkey, data: { url: gateway.url } });
  return { client, pushkey };
}

const texts = (pushkey: string): string[] => gateway.received(pushkey).flatMap(({ content }) => content?.body ?? []);

test("phones whose pusher was killed hear of everything from the other one, also of what was under way", async () => {
  const [mine, other] = [await phoneOf("mine", "pusher1"), await phoneOf("other", "pusher2")];
  const alice = await register(deployment.url("main"), "alice");
  const roomId = await alice.createRoom({ preset: "public_chat" });
  for (const { client } of [mine, other]) await client.join(roomId);
  await alice.say(roomId, "one");
  const both = (text: string) => eventually(() => [mine, other].every(({ pushkey }) => texts(pushkey).includes(text)), 60_000);
  await both("one");

  gateway.respond(mine.pushkey, () => new Promise(() => undefined));
  await alice.say(roomId, "two");
  await both("two");
  await deployment.process("pusher1").kill();
  gateway.respond(mine.pushkey, undefined);
  await alice.say(roomId, "three");
  await both("three");
  expect(texts(mine.pushkey)).toEqual(["one", "two", "two", "three"]);

  // The first one takes its phones back and goes on.
  await deployment.start("pusher1");
  await alice.say(roomId, "four");
  await both("four");
  expect(texts(other.pushkey)).toEqual(["one", "two", "three", "four"]);
});
