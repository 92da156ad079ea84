import { rendezvous } from "../../src/replication/rendezvous";
import { history } from "../builders/client";
import type { Body, TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";

const writers = ["worker1", "worker2"];
/** Of the two that write events, the one that sends what was delayed. */
const sender = rendezvous(writers, "") ?? "";
const ROOMS = 3;
const EACH = 8;
const BASE = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events";
const limit = { per_second: 1000, burst_count: 1000 };

let deployment: TestDeployment;
let alice: TestClient;
beforeAll(async () => {
  deployment = await startDeployment({
    workers: writers,
    shared: { stream_writers: { events: writers }, max_event_delay_duration: "1h", rc_message: limit, rc_delayed_event_mgmt: limit },
  });
  alice = await deployment.user("alice");
});
afterAll(() => deployment?.close());

const scheduled = async (): Promise<Body[]> => (await alice.ok("GET", BASE)).delayed_events;
const texts = async (roomId: string): Promise<string[]> =>
  (await history(alice, roomId)).filter(({ type }) => type === "m.room.message").map(({ content }) => content.body);

/** Several rooms with messages that are due while something happens. Each has to be there once, in order. */
async function through(happening: () => Promise<void>): Promise<void> {
  const rooms = await Promise.all(Array.from({ length: ROOMS }, () => alice.createRoom()));
  for (const [i, roomId] of rooms.entries())
    for (let n = 0; n < EACH; n++) {
      const path = `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${i}-${n}?org.matrix.msc4140.delay=3000`;
      await alice.ok("PUT", path, { msgtype: "m.text", body: `${n}` });
    }
  await happening();
  await eventually(async () => (await scheduled()).length === 0, 60_000);
  const wanted = Array.from({ length: EACH }, (_, n) => `${n}`);
  await eventually(async () => (await Promise.all(rooms.map(texts))).every((found) => found.length >= EACH), 60_000);
  for (const roomId of rooms) expect(await texts(roomId)).toEqual(wanted);
}

test("any process takes them, one sends them", async () => {
  await through(async () => {
    const [first] = await scheduled();
    expect(await alice.on(deployment.url("worker2")).ok("POST", `${BASE}/${first.delay_id}/send`)).toEqual({});
  });
});

test("when the one that sends them dies, the other one does, each once", async () => {
  await through(() => deployment.process(sender).kill());
  await deployment.start(sender);
});

test("one that was frozen meanwhile sends none of them a second time", async () => {
  await through(async () => {
    // It is about to send some of them, or is just waiting for that.
    await eventually(async () => (await scheduled()).length < ROOMS * EACH);
    deployment.process(sender).freeze();
  });
  deployment.process(sender).thaw();
  await through(async () => undefined);
});
