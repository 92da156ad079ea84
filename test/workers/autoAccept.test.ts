import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import type { Body, TestClient } from "../builders/client";

/** worker1 accepts, worker2 serves and writes nothing. */
let deployment: TestDeployment;
let alice: TestClient;
beforeAll(async () => {
  deployment = await startDeployment({
    workers: ["worker1", "worker2"],
    shared: { auto_accept_invites: { enabled: true, worker_to_run_on: "worker1" } },
  });
  alice = await deployment.user("alice");
});
afterAll(() => deployment?.close());

const invites = async (bob: TestClient, options: object = {}): Promise<string> => alice.createRoom({ invite: [bob.userId], ...options });
const memberEvents = async (roomId: string, { userId }: TestClient): Promise<string[]> => {
  const { chunk } = await alice.ok("GET", `/rooms/${encodeURIComponent(roomId)}/messages?dir=f&limit=100`);
  return chunk.flatMap(({ type, state_key: key, content }: Body) => (type === "m.room.member" && key === userId ? content.membership : []));
};
const isIn = (bob: TestClient, ...roomIds: string[]): Promise<true> => {
  const waiting = new Set(roomIds);
  return bob.until((sync) => {
    for (const roomId of Object.keys(sync.rooms?.join ?? {})) waiting.delete(roomId);
    return waiting.size === 0 ? true : undefined;
  });
};

test("invitations are accepted once, and direct chats are marked as such, all of them", async () => {
  const bob = await deployment.user("bob", "worker2");
  const [plain, one, two] = await Promise.all([invites(bob), invites(bob, { is_direct: true }), invites(bob, { is_direct: true })]);
  await isIn(bob, plain, one, two);
  for (const roomId of [plain, one, two]) expect(await memberEvents(roomId, bob)).toEqual(["invite", "join"]);
  const direct = await bob.ok("GET", `/user/${encodeURIComponent(bob.userId)}/account_data/m.direct`);
  expect(direct[alice.userId].toSorted()).toEqual([one, two].toSorted());
});

test("what came while the worker was away is accepted when it is back, but not what was answered meanwhile", async () => {
  const carol = await deployment.user("carol", "worker2");
  await isIn(carol, await invites(carol));
  await deployment.process("worker1").kill();
  const [waits, refused] = [await invites(carol), await invites(carol)];
  await carol.ok("POST", `/rooms/${encodeURIComponent(refused)}/leave`, {});
  await deployment.start("worker1");
  await isIn(carol, waits);
  await isIn(carol, await invites(carol));
  expect(await memberEvents(waits, carol)).toEqual(["invite", "join"]);
  expect(await memberEvents(refused, carol)).toEqual(["invite", "leave"]);
});
