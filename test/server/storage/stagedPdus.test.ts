import { claimStaged, deleteStagedPdu, insertStagedPdu, releaseStaged } from "../../../src/storage/stagedPdus";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";

let database: TestDatabase;
beforeAll(async () => (database = await createTestDatabase({ max: 4 })));
afterAll(() => database.drop());

const NOW = 1_000_000;
const claim = (roomNid: number, instance: string, until = NOW + 60) => ({ roomNid, instance, until });
const stage = (roomNid: number) =>
  insertStagedPdu(database.db, { roomNid, eventId: "$e", origin: "elsewhere.example", json: "{}", receivedTs: NOW }, 10);

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
  expect(await releaseStaged(db, { roomNid: 2, instance: "a" }, "idle")).toBe(false);
  await deleteStagedPdu(db, 2, "$e");
  expect(await releaseStaged(db, { roomNid: 2, instance: "a" }, "idle")).toBe(true);
  await claimStaged(db, claim(2, "a"), { now: NOW });
  await stage(2);
  expect(await releaseStaged(db, { roomNid: 2, instance: "a" }, "always")).toBe(true);
});
