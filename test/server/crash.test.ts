import { register } from "../builders/client";
import { eventually } from "../builders/eventually";
import { expectNothingLost, startLoad } from "../builders/load";
import { createSolo } from "../builders/solo";
import type { Solo } from "../builders/solo";

const ROUNDS = 20;
const USERS = 3;
const ROOMS = 3;

let solo: Solo;
beforeAll(async () => {
  solo = await createSolo();
  await solo.start();
});
afterAll(() => solo?.close());

/**
 * Senders work while the server is killed again and again, every second time together with its database. What was acknowledged
 * has to be there, once and in order, and what is sent again is not stored again.
 */
test("nothing that was acknowledged is lost or doubled by kill -9", async () => {
  const users = await Promise.all(Array.from({ length: USERS }, (_, i) => register(solo.url, `user${i}`)));
  const [creator] = users as [(typeof users)[number]];
  const rooms = await Promise.all(Array.from({ length: ROOMS }, () => creator.createRoom({ preset: "public_chat" })));
  await Promise.all(users.slice(1).flatMap((user) => rooms.map((roomId) => user.join(roomId))));
  const load = startLoad(rooms.flatMap((roomId) => users.map((client) => ({ client, roomId }))));
  for (let round = 0; round < ROUNDS; round++) {
    const before = load.senders.map(({ acknowledged }) => acknowledged.length);
    await eventually(() => load.senders.every(({ acknowledged }, i) => acknowledged.length > (before[i] ?? 0)), 60_000);
    // At any moment of a flush.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
    await solo.process().kill();
    if (round % 2 === 1) solo.killDatabase();
    await solo.start();
  }
  await load.stop();
  await expectNothingLost(load, solo.url);
  await solo.process().stop();
}, 150_000);
