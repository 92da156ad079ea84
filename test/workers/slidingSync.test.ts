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

const syncOnce = (client: TestClient, since: string): Promise<Body> => client.ok("GET", `/sync?since=${since}&timeout=20000`);

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

test.each([
  ["sync", async (client: TestClient) => (await client.ok("GET", "/sync")).next_batch as string, syncOnce],
  ["sliding sync", async (client: TestClient) => (await slide(client, "two")).pos as string, (client, pos) => slide(client, "two", pos)],
] as [string, (client: TestClient) => Promise<string>, (client: TestClient, since: string) => Promise<Body>][])(
  "who sends a message has the answer before the %s that it comes in, and others have it meanwhile",
  async (_, start, follow) => {
    const alice = await deployment.user("alice", "two");
    const other = await deployment.user("other", "two");
    const roomId = await alice.createRoom({ preset: "public_chat" });
    await other.join(roomId);
    let [since, sinceOfOther] = [await start(alice), await start(other)];
    for (let i = 0; i < 10; i++) {
      const order: string[] = [];
      const note =
        <T>(what: string) =>
        (value: T): T => (order.push(what), value);
      const [following, watching] = [follow(alice, since).then(note("own")), follow(other, sinceOfOther).then(note("other"))];
      await alice.on(deployment.url(i % 2 === 0 ? "two" : "main")).say(roomId, `message ${i}`);
      note("answer")(undefined);
      const [mine, theirs] = await Promise.all([following, watching]);
      since = (mine.next_batch ?? mine.pos) as string;
      sinceOfOther = (theirs.next_batch ?? theirs.pos) as string;
      expect(order.indexOf("answer")).toBeLessThan(order.indexOf("own"));
      expect(order.indexOf("other")).toBeLessThan(order.indexOf("own"));
    }
  },
);
