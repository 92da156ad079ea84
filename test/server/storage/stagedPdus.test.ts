import {
  claimStaged,
  deleteStagedPdu,
  insertStagedPdu,
  postponeStaged,
  releaseStaged,
  resumeStagedOf,
  roomsWithStaged,
  stagedPdusOf,
} from "../../../src/storage/stagedPdus";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";

let database: TestDatabase;
beforeAll(async () => (database = await createTestDatabase({ max: 4 })));
afterAll(() => database.drop());

const NOW = 1_000_000;
const claim = (roomNid: number, instance: string, until = NOW + 60) => ({ roomNid, instance, until });
const stage = (roomNid: number, eventId = "$e", origin = "elsewhere.example") =>
  insertStagedPdu(database.db, { roomNid, eventId, origin, json: "{}", receivedTs: NOW }, 10);

test("what waits in a room is the work of one process, until it lets go, dies or says nothing any more", async () => {
  const { db } = database;
  const answers = await Promise.all(["a", "b", "c"].map((name) => claimStaged(db, claim(1, name), { now: NOW })));
  const [holder = ""] = answers.filter((answer, i) => answer === ["a", "b", "c"][i]);
  expect(await claimStaged(db, claim(1, holder), { now: NOW })).toBe(holder);
  expect(await claimStaged(db, claim(1, "d"), { now: NOW + 60 })).toBe(holder);
  expect(await claimStaged(db, claim(1, "d", NOW + 120), { now: NOW + 61 })).toBe("d");
  expect(await claimStaged(db, claim(1, "e"), { now: NOW, dead: holder })).toBe("d");
  expect(await claimStaged(db, claim(1, "e"), { now: NOW, dead: "d" })).toBe("e");
  expect(await releaseStaged(db, { roomNid: 1, instance: "d" }, "always")).toBe(false);
  expect(await releaseStaged(db, { roomNid: 1, instance: "e" }, "always")).toBe(true);
  expect(await claimStaged(db, claim(1, "f"), { now: NOW })).toBe("f");
});

test("nobody lets go of a room in which something waits, but after a failure", async () => {
  const { db } = database;
  await claimStaged(db, claim(2, "a"), { now: NOW });
  await stage(2);
  expect(await releaseStaged(db, { roomNid: 2, instance: "a" }, { idleAt: NOW })).toBe(false);
  await deleteStagedPdu(db, 2, "$e");
  expect(await releaseStaged(db, { roomNid: 2, instance: "a" }, { idleAt: NOW })).toBe(true);
  await claimStaged(db, claim(2, "a"), { now: NOW });
  await stage(2);
  expect(await releaseStaged(db, { roomNid: 2, instance: "a" }, "always")).toBe(true);
});

test("what a server sent is put off for longer each time, and due when it is back", async () => {
  const { db } = database;
  for (const [eventId, origin] of [
    ["$a", "away.example"],
    ["$b", "away.example"],
    ["$c", "here.example"],
  ] as const)
    await stage(3, eventId, origin);
  const due = async (now: number) => (await stagedPdusOf(db, 3, now, 10)).map(({ eventId }) => eventId);
  const pause = (now: number) => ({ now, firstMs: 10, maxMs: 25 });
  await postponeStaged(db, { roomNid: 3, origin: "away.example" }, pause(NOW));
  expect(await due(NOW + 9)).toEqual(["$c"]);
  expect(await due(NOW + 10)).toEqual(["$a", "$b", "$c"]);
  await postponeStaged(db, { roomNid: 3, origin: "away.example", eventId: "$a" }, pause(NOW));
  expect(await due(NOW + 19)).toEqual(["$b", "$c"]);
  await postponeStaged(db, { roomNid: 3, origin: "away.example", eventId: "$a" }, pause(NOW));
  expect(await due(NOW + 24)).toEqual(["$b", "$c"]);
  expect(await due(NOW + 25)).toEqual(["$a", "$b", "$c"]);

  const rooms = (now: number) => roomsWithStaged(db, { now, since: NOW - 1 });
  expect(await rooms(NOW + 9)).toEqual([]);
  expect(await rooms(NOW + 10)).toEqual([3]);
  expect(await resumeStagedOf(db, "nobody.example")).toEqual([]);
  expect(await resumeStagedOf(db, "away.example")).toEqual([3]);
  expect(await due(NOW)).toEqual(["$a", "$b", "$c"]);
});
