import { demandState, isNews, offlineRow, recordActivity, requestState, settle } from "../../../src/writers/presenceMachine";
import type { TrackedPresence } from "../../../src/writers/presenceMachine";

const timers = { idle_timeout: 300_000, sync_online_timeout: 30_000, last_active_granularity: 60_000 };
const T0 = 1_000_000_000;

function newUser(): TrackedPresence {
  return { row: offlineRow("@a:x"), publishedTs: T0, devices: new Map() };
}

/** A user with one device that syncs at process p since T0. */
function syncing(state: "online" | "unavailable" = "online"): TrackedPresence {
  const user = newUser();
  requestState(user, "D", state, T0).syncingAt.add("p");
  settle(user, timers, T0);
  return user;
}

function at(user: TrackedPresence, now: number): TrackedPresence["row"] {
  settle(user, timers, now);
  return user.row;
}

test("a sync brings online, and time first ends activity, then brings unavailable", () => {
  const user = syncing();
  expect(user.row).toMatchObject({ state: "online", currentlyActive: true, lastActiveTs: T0 });
  expect(at(user, T0 + 59_999)).toMatchObject({ state: "online", currentlyActive: true });
  expect(at(user, T0 + 60_000)).toMatchObject({ state: "online", currentlyActive: false });
  expect(at(user, T0 + 300_000)).toMatchObject({ state: "unavailable", currentlyActive: false });
});

test("each deadline is the next thing that time changes", () => {
  const user = syncing();
  expect(settle(user, timers, T0)).toBe(T0 + 60_000);
  expect(settle(user, timers, T0 + 60_000)).toBe(T0 + 300_000);
  expect(settle(user, timers, T0 + 300_000)).toBe(T0 + 25 * 60_000);
  user.devices.get("D")?.syncingAt.delete("p");
  settle(user, timers, T0 + 400_000);
  expect(user.row.state).toBe("offline");
  expect(settle(user, timers, T0 + 400_000)).toBeUndefined();
});

test("asking for online again is no activity, but asking for another state counts", () => {
  const user = syncing();
  at(user, T0 + 300_000);
  requestState(user, "D", "online", T0 + 301_000);
  expect(at(user, T0 + 301_000).state).toBe("unavailable");
  requestState(user, "D", "unavailable", T0 + 302_000);
  requestState(user, "D", "online", T0 + 303_000);
  expect(at(user, T0 + 303_000)).toMatchObject({ state: "online", lastActiveTs: T0 + 303_000 });
});

test("activity ends idleness, and does not bring an absent user online", () => {
  const user = syncing();
  at(user, T0 + 300_000);
  recordActivity(user, "D", T0 + 310_000);
  expect(at(user, T0 + 310_000)).toMatchObject({ state: "online", currentlyActive: true, lastActiveTs: T0 + 310_000 });
  const absent = newUser();
  recordActivity(absent, "D", T0);
  expect(at(absent, T0)).toMatchObject({ state: "offline", lastActiveTs: T0 });
});

test("a device is offline 30 s after its last sync, not while it syncs", () => {
  const user = syncing();
  expect(at(user, T0 + 200_000).state).toBe("online");
  const device = user.devices.get("D");
  device?.syncingAt.delete("p");
  if (device) device.lastSyncTs = T0 + 200_000;
  expect(at(user, T0 + 229_999).state).toBe("online");
  expect(at(user, T0 + 230_000).state).toBe("offline");
  expect(user.devices.size).toBe(0);
});

test("the most present device counts", () => {
  const user = syncing("unavailable");
  expect(user.row.state).toBe("unavailable");
  requestState(user, "E", "online", T0).syncingAt.add("q");
  expect(at(user, T0).state).toBe("online");
  requestState(user, "F", "busy", T0).syncingAt.add("q");
  expect(at(user, T0).state).toBe("busy");
  demandState(user, "F", "offline", T0);
  expect(at(user, T0).state).toBe("online");
});

test("what a client demands is activity", () => {
  const user = syncing();
  demandState(user, "D", "online", T0 + 50_000);
  expect(at(user, T0 + 100_000)).toMatchObject({ currentlyActive: true, lastActiveTs: T0 + 50_000 });
});

test("activity of somebody who is currently active is no news", () => {
  const user = syncing();
  const before = user.row;
  recordActivity(user, "D", T0 + 50_000);
  at(user, T0 + 50_000);
  expect(isNews(before, user, 60_000, T0 + 50_000)).toBe(false);
  at(user, T0 + 110_000);
  expect(isNews(before, user, 60_000, T0 + 110_000)).toBe(true);
});

test("a state that lasts is repeated before others let it expire", () => {
  const user = syncing();
  const before = at(user, T0 + 400_000);
  at(user, T0 + 25 * 60_000);
  expect(isNews(before, user, 60_000, T0 + 24 * 60_000)).toBe(false);
  expect(isNews(before, user, 60_000, T0 + 25 * 60_000)).toBe(true);
});

test("what another server said expires after half an hour", () => {
  const user = newUser();
  user.row = { ...user.row, state: "online", lastFederationUpdateTs: T0 };
  expect(settle(user, timers, T0)).toBe(T0 + 30 * 60_000);
  expect(at(user, T0 + 30 * 60_000).state).toBe("offline");
});
