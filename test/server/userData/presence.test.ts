import { PresenceReporter } from "../../../src/handlers/presenceReporter";
import { presenceSince, readPresence, receivePresenceEdu, setPresence } from "../../../src/handlers/presence";
import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../../src/handlers/rooms/membership";
import { systemRandom } from "../../../src/lib/random";
import type { PresenceRow } from "../../../src/storage/presence";
import { getPresence, upsertPresence } from "../../../src/storage/presence";
import { presenceStream } from "../../../src/streams/presence";
import { soloOwnership } from "../../../src/replication/ownership";
import { PresenceWriter } from "../../../src/writers/presence";
import type { SyncReport } from "../../../src/writers/presence";
import { offlineRow } from "../../../src/writers/presenceMachine";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";
import { eventually } from "../../builders/eventually";

let server: TestApp;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const bob = requesterFor("@bob:test.local", { deviceId: "B" });
const stranger = requesterFor("@stranger:test.local", { deviceId: "S" });

beforeAll(async () => {
  server = await createTestApp();
  const { roomId } = await createRoom(server.app, alice, { preset: "public_chat" });
  await changeMembership(server.app, bob, { roomId, target: bob.userId, action: "join" });
});
afterAll(() => server.close());

const position = (): number => server.app.streams.position(presenceStream);
const set = (requester: typeof alice, presence: string, statusMsg?: string): Promise<void> =>
  setPresence(server.app, requester, { userId: requester.userId, presence, statusMsg });

async function seenBy(userId: string, from: number | undefined): Promise<Record<string, unknown>> {
  return Object.fromEntries((await presenceSince(server.app, { userId, from })).map(({ sender, content }) => [sender, content]));
}

test("who shares a room sees presence, nobody else does", async () => {
  const { app } = server;
  const before = position();
  expect(await readPresence(app, alice, alice.userId)).toEqual({ presence: "offline" });
  await set(alice, "online", "cooking");
  const online = { presence: "online", status_msg: "cooking", currently_active: true, last_active_ago: expect.any(Number) };
  expect(await readPresence(app, alice, alice.userId)).toEqual(online);
  expect(await readPresence(app, bob, alice.userId)).toEqual(online);
  await expect(readPresence(app, stranger, alice.userId)).rejects.toMatchObject({ status: 403 });
  for (const from of [before, undefined]) {
    expect(await seenBy(bob.userId, from)).toEqual({ [alice.userId]: online });
    expect(await seenBy(alice.userId, from)).toEqual({ [alice.userId]: online });
    expect(await seenBy(stranger.userId, from)).toEqual({});
  }
  expect(await seenBy(bob.userId, position())).toEqual({});
  await set(alice, "unavailable");
  expect(await seenBy(bob.userId, before)).toEqual({ [alice.userId]: { presence: "unavailable", last_active_ago: expect.any(Number) } });
  await set(alice, "offline");
  expect(await seenBy(bob.userId, before)).toMatchObject({ [alice.userId]: { presence: "offline" } });
  expect(await seenBy(bob.userId, undefined)).toEqual({});
});

test("users who come to share a room are shown", async () => {
  const { app } = server;
  await set(stranger, "online");
  const events = await presenceSince(app, { userId: bob.userId, from: position(), newlyShared: [stranger.userId, "@unknown:x"] });
  expect(events).toMatchObject([{ type: "m.presence", sender: stranger.userId, content: { presence: "online" } }]);
});

test("a sync makes online, and wakes who sees it", async () => {
  const { app } = server;
  const room = [...(await app.caches.memberships.ofUser(alice.userId)).values()][0]?.roomId ?? "";
  const listener = app.notifier.listener(alice.userId, [room]);
  const end = app.userData.presenceReporter.begin(bob.userId, "B", "online");
  expect(await listener.wait(10_000)).toBe(true);
  listener.close();
  await eventually(async () => (await readPresence(app, alice, bob.userId)).presence === "online");
  end();
  app.userData.presenceReporter.begin("@hidden:test.local", "H", "offline")();
  expect(app.userData.presence.get("@hidden:test.local")).toBeUndefined();
});

test("refusals", async () => {
  const { app } = server;
  await expect(set(alice, "dancing")).rejects.toMatchObject({ status: 400 });
  await expect(set(alice, "busy")).rejects.toMatchObject({ status: 400 });
  await expect(setPresence(app, alice, { userId: bob.userId, presence: "online", statusMsg: undefined })).rejects.toMatchObject({
    status: 403,
  });
  await expect(readPresence(app, alice, "nobody")).rejects.toMatchObject({ status: 400 });
});

test("other servers speak for their users only", async () => {
  const { app } = server;
  const edu = (userId: string) => ({ push: [{ user_id: userId, presence: "online", last_active_ago: 5_000, currently_active: true }, 7] });
  await receivePresenceEdu(app, "remote.test", edu("@r:remote.test"));
  expect(app.userData.presence.get("@r:remote.test")).toBeUndefined();
  const mine = await app.caches.memberships.ofUser(alice.userId);
  const theirs = await app.caches.memberships.ofUser("@r:remote.test");
  for (const [nid, place] of mine) (theirs as Map<number, typeof place>).set(nid, place);
  await receivePresenceEdu(app, "other.test", edu("@r:remote.test"));
  expect(app.userData.presence.get("@r:remote.test")).toBeUndefined();
  await receivePresenceEdu(app, "remote.test", edu("@r:remote.test"));
  expect(await readPresence(app, alice, "@r:remote.test")).toMatchObject({ presence: "online", currently_active: true });
});

test.each([false, "untracked"] as const)("with presence %s clients change nothing", async (enabled) => {
  const other = await createTestApp({ presence: { enabled } });
  const before = other.app.streams.position(presenceStream);
  await setPresence(other.app, alice, { userId: alice.userId, presence: "online", statusMsg: "x" });
  other.app.userData.presenceReporter.begin(alice.userId, "A", "online")();
  expect(await readPresence(other.app, alice, alice.userId)).toEqual({ presence: "offline" });
  expect(await presenceSince(other.app, { userId: alice.userId, from: undefined })).toEqual([]);
  expect(other.app.streams.position(presenceStream)).toBe(before);
  await other.close();
});

describe("the writer", () => {
  const timers = { idle_timeout: 300_000, sync_online_timeout: 30_000, last_active_granularity: 60_000 };
  let now = 2_000_000_000_000;
  let rows: PresenceRow[] = [];
  const errors: unknown[] = [];
  const clock = { now: () => now };

  function newWriter(): PresenceWriter {
    const streams = {
      append: (_: unknown, added: readonly unknown[]) => rows.push(...(added as PresenceRow[])),
      provide: () => undefined,
    };
    return new PresenceWriter({
      db: server.app.db,
      clock,
      random: systemRandom,
      timers,
      streams,
      ownership: soloOwnership("main"),
      onError: (error) => errors.push(error),
    });
  }
  const told = (): [string, string][] => {
    const out = rows.map((row): [string, string] => [row.userId, row.state]);
    rows = [];
    return out;
  };
  const sync = (userId: string, state: "online" | "unavailable" = "online") => ({ userId, deviceId: "D", state });
  const report = (changes: Partial<SyncReport>): SyncReport => ({ instance: "p", full: false, started: [], stopped: [], ...changes });

  beforeEach(async () => {
    await server.app.db`delete from presence_states`;
    rows = [];
  });
  afterAll(() => expect(errors).toEqual([]));

  test("a client that comes, polls on and goes", async () => {
    const writer = newWriter();
    await writer.report(report({ started: [sync("@a:x")] }));
    expect(told()).toEqual([["@a:x", "online"]]);
    now += 60_000;
    await writer.tick();
    expect(told()).toEqual([["@a:x", "online"]]);
    now += 10_000;
    await writer.report(report({ stopped: [{ userId: "@a:x", deviceId: "D" }] }));
    now += 29_000;
    await writer.tick();
    expect(told()).toEqual([]);
    now += 2_000;
    await writer.tick();
    expect(told()).toEqual([["@a:x", "offline"]]);
    await writer.close();
    expect(await getPresence(server.app.db, ["@a:x"])).toMatchObject([{ state: "offline" }]);
  });

  test("a process that falls silent takes its syncs along", async () => {
    const writer = newWriter();
    await writer.report(report({ instance: "p", started: [sync("@a:x"), sync("@b:x")] }));
    await writer.report(report({ instance: "q", started: [sync("@b:x")] }));
    told();
    now += 179_000;
    await writer.report(report({ instance: "q" }));
    now += 2_000;
    await writer.tick();
    told();
    now += 31_000;
    await writer.tick();
    expect(told()).toEqual([["@a:x", "offline"]]);
    await writer.close();
  });

  test("a full report takes the place of earlier ones", async () => {
    const writer = newWriter();
    await writer.report(report({ started: [sync("@a:x"), sync("@b:x")] }));
    await writer.report(report({ full: true, started: [sync("@b:x")] }));
    told();
    now += 31_000;
    await writer.tick();
    expect(told()).toEqual([["@a:x", "offline"]]);
    await writer.close();
  });

  test("states and messages survive a restart; who does not come back goes offline", async () => {
    const first = newWriter();
    const epoch = await first.report(report({ started: [sync("@a:x")] }));
    await first.demand([{ userId: "@b:x", deviceId: "D", state: "unavailable", statusMsg: "away" }]);
    await first.demand([{ userId: "@c:x", deviceId: "D", state: "offline", statusMsg: "gone fishing" }]);
    await first.close();
    told();
    const second = newWriter();
    await second.start();
    expect(told()).toEqual([
      ["@a:x", "online"],
      ["@b:x", "unavailable"],
    ]);
    expect(await second.report(report({ started: [sync("@a:x")] }))).not.toBe(epoch);
    await second.report(report({ started: [sync("@c:x")] }));
    expect(rows).toMatchObject([{ userId: "@c:x", state: "online", statusMsg: "gone fishing" }]);
    told();
    now += 31_000;
    await second.tick();
    expect(told()).toEqual([["@b:x", "offline"]]);
    await second.close();
  });

  test("changes are written within ten seconds", async () => {
    const writer = newWriter();
    await writer.report(report({ started: [sync("@a:x")] }));
    await writer.tick();
    expect(await getPresence(server.app.db, ["@a:x"])).toEqual([]);
    now += 10_000;
    await writer.tick();
    expect(await getPresence(server.app.db, ["@a:x"])).toMatchObject([{ state: "online" }]);
    writer.resign();
  });

  test("many states are written and read back", async () => {
    const many = Array.from({ length: 2_500 }, (_, i): PresenceRow => ({
      ...offlineRow(`@u${i}:x`),
      state: "online",
      lastActiveTs: now,
      statusMsg: i % 2 ? `${i}` : null,
    }));
    await upsertPresence(server.app.db, many);
    const writer = newWriter();
    await writer.start();
    expect(told()).toHaveLength(2_500);
    now += 31_000;
    await writer.tick();
    expect(told()).toHaveLength(2_500);
    await writer.close();
    expect(
      (
        await getPresence(
          server.app.db,
          many.map((row) => row.userId),
        )
      ).every((row) => row.state === "offline"),
    ).toBe(true);
  });
});

describe("the reporter", () => {
  let now = 5_000_000;
  const reports: SyncReport[] = [];
  let active = 0;
  let epoch = "one";
  let state: PresenceRow["state"] = "online";

  function newReporter(): PresenceReporter {
    return new PresenceReporter({
      enabled: true,
      clock: { now: () => now },
      random: systemRandom,
      view: { get: (userId) => ({ ...offlineRow(userId), state }) },
      granularity: 60_000,
      report: async (given) => {
        reports.push(given);
        return epoch;
      },
      activity: async () => active++,
      onError: () => undefined,
    });
  }
  const users = (): unknown[] =>
    reports.splice(0).map(({ full, started, stopped }) => [full, started.map((s) => s.userId), stopped.map((s) => s.userId)]);
  const reported = (count: number): Promise<void> => eventually(() => reports.length === count);

  test("a client that polls on is reported once, until it stays away", async () => {
    const reporter = newReporter();
    for (let i = 0; i < 5; i++) {
      const end = reporter.begin("@a", "D", "online");
      if (i === 0) await reported(1);
      end();
      now += 9_000;
      reporter.tick();
    }
    expect(users()).toEqual([[true, ["@a"], []]]);
    now += 11_000;
    reporter.tick();
    await reported(1);
    expect(users()).toEqual([[false, [], ["@a"]]]);
    await reporter.stop();
    expect(users()).toEqual([[true, [], []]]);
  });

  test("a client that asks to be online and isn't is reported with each poll", async () => {
    const reporter = newReporter();
    reporter.begin("@a", "D", "online")();
    await reported(1);
    state = "unavailable";
    reporter.begin("@a", "D", "online")();
    await reported(2);
    state = "online";
    await reporter.stop();
    expect(users()).toEqual([
      [true, ["@a"], []],
      [false, ["@a"], []],
      [true, [], []],
    ]);
  });

  test("a writer that has forgotten is told everything", async () => {
    const reporter = newReporter();
    reporter.begin("@a", "D", "online");
    await reported(1);
    epoch = "two";
    reporter.begin("@b", "D", "unavailable");
    await reported(3);
    expect(users()).toEqual([
      [true, ["@a"], []],
      [false, ["@b"], []],
      [true, ["@a", "@b"], []],
    ]);
    await reporter.stop();
    users();
  });

  test("activity is reported now and then", () => {
    const reporter = newReporter();
    for (let i = 0; i < 100; i++) {
      reporter.active("@a", "D");
      now += 1_000;
    }
    expect(active).toBe(4);
  });
});
