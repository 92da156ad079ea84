import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import type { Body, TestClient } from "../builders/client";

let deployment: TestDeployment;
beforeAll(async () => {
  deployment = await startDeployment({ workers: ["one", "two"] });
});
afterAll(() => deployment?.close());

const PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
const request = {
  lists: { all: { ranges: [[0, 9]], timeline_limit: 5, required_state: [["m.room.member", "$LAZY"]] } },
  extensions: { account_data: { enabled: true }, receipts: { enabled: true } },
};

async function slide(client: TestClient, at: string, pos?: string): Promise<Body> {
  const query = new URLSearchParams({ timeout: "20000", ...(pos !== undefined && { pos }) });
  const response = await fetch(`${deployment.url(at)}${PATH}?${query.toString()}`, {
    method: "POST",
    headers: { authorization: `Bearer ${client.token}` },
    body: JSON.stringify(request),
  });
  const body: Body = await response.json();
  expect([response.status, body]).toEqual([200, expect.anything()]);
  return body;
}

const texts = (answer: Body, roomId: string): string[] =>
  answer.rooms[roomId].timeline.flatMap(({ content }: Body) => (content.body === undefined ? [] : [content.body]));

test("a sync loop goes on at any process, and after the restart of all that served it", async () => {
  const [alice, bob] = await Promise.all([deployment.user("alice"), deployment.user("bob")]);
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.join(roomId);
  const first = await slide(alice, "one");
  expect(first.rooms[roomId]).toMatchObject({ initial: true });

  // Waiting at a process that never saw this client.
  const waiting = slide(alice, "two", first.pos);
  await bob.say(roomId, "over there");
  const second = await waiting;
  expect(texts(second, roomId)).toEqual(["over there"]);
  expect(second.rooms[roomId]).not.toHaveProperty("initial");

  // The answer got lost, and the client asks somebody else again.
  expect(texts(await slide(alice, "one", first.pos), roomId)).toEqual(["over there"]);

  for (const name of ["one", "two"]) await deployment.process(name).stop();
  await bob.say(roomId, "while they were away");
  await deployment.start("two");
  const third = await slide(alice, "two", second.pos);
  expect(texts(third, roomId)).toEqual(["while they were away"]);
  expect(third.rooms[roomId]).not.toHaveProperty("initial");
});
