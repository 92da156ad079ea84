import type { PresenceRow, PresenceState } from "../storage/presence";

/** ms. The names are those of `presence` in the configuration. */
export interface PresenceTimers {
  /** After so long without activity an online user becomes unavailable. */
  readonly idle_timeout: number;
  /** So long after its last sync a device counts as offline. */
  readonly sync_online_timeout: number;
  /** So long after activity a user is currently active. */
  readonly last_active_granularity: number;
}

/** What is known of one device of a local user. */
export interface PresenceDevice {
  state: PresenceState;
  /** What the client last asked for: asking for the same again is no news. */
  requested: PresenceState;
  lastActiveTs: number;
  lastSyncTs: number;
  /** The processes at which it is syncing now. */
  readonly syncingAt: Set<string>;
}

/** A user as the presence writer has them. Remote users have no devices. */
export interface TrackedPresence {
  /** Of a remote user lastFederationUpdateTs is not 0. */
  row: PresenceRow;
  /** When others were last told. */
  publishedTs: number;
  readonly devices: Map<string, PresenceDevice>;
}

/** States of remote users are good for so long after their server last told them; those of ours are repeated before. */
const REMOTE_EXPIRY_MS = 30 * 60_000;
const REPEAT_MS = 25 * 60_000;

const RANK: Readonly<Record<PresenceState, number>> = { busy: 3, online: 2, unavailable: 1, offline: 0 };

export function offlineRow(userId: string): PresenceRow {
  return {
    userId,
    state: "offline",
    lastActiveTs: 0,
    lastFederationUpdateTs: 0,
    lastUserSyncTs: 0,
    statusMsg: null,
    currentlyActive: false,
  };
}

/** What a device asks for by syncing. The same again is no activity. */
export function requestState(user: TrackedPresence, deviceId: string, state: PresenceState, now: number): PresenceDevice {
  let device = user.devices.get(deviceId);
  if (!device) {
    device = { state: "offline", requested: "offline", lastActiveTs: 0, lastSyncTs: 0, syncingAt: new Set() };
    user.devices.set(deviceId, device);
  }
  device.lastSyncTs = now;
  // A device that fell idle comes back by activity, not by asking for online again with each sync.
  if (device.requested !== state || device.state === "offline") take(device, state, now);
  return device;
}

/** What a client demands outright (PUT /presence/{userId}/status), which is activity in itself. */
export function demandState(user: TrackedPresence, deviceId: string, state: PresenceState, now: number): void {
  take(requestState(user, deviceId, state, now), state, now);
}

function take(device: PresenceDevice, state: PresenceState, now: number): void {
  device.requested = state;
  device.state = state;
  if (state === "online" || state === "busy") device.lastActiveTs = now;
}

/** A pro-active event of the user: a message, a receipt, typing. It does not bring a user online who isn't there. */
export function recordActivity(user: TrackedPresence, deviceId: string, now: number): void {
  const device = user.devices.get(deviceId);
  user.row = { ...user.row, lastActiveTs: now };
  if (!device) return;
  device.lastActiveTs = now;
  if (device.state === "unavailable") device.state = "online";
}

/** Applies what time has done to the devices and sums them up: the most present one counts. */
function sumUp(user: TrackedPresence, timers: PresenceTimers, now: number): PresenceRow {
  let state: PresenceState = "offline";
  let lastActiveTs = user.row.lastActiveTs;
  let lastUserSyncTs = user.row.lastUserSyncTs;
  for (const [deviceId, device] of user.devices) {
    lastActiveTs = Math.max(lastActiveTs, device.lastActiveTs);
    lastUserSyncTs = Math.max(lastUserSyncTs, device.lastSyncTs);
    if (device.syncingAt.size === 0 && now - device.lastSyncTs >= timers.sync_online_timeout) {
      user.devices.delete(deviceId);
      continue;
    }
    if (device.state === "online" && now - device.lastActiveTs >= timers.idle_timeout) device.state = "unavailable";
    if (RANK[device.state] > RANK[state]) state = device.state;
  }
  const currentlyActive = state === "online" && now - lastActiveTs < timers.last_active_granularity;
  return { ...user.row, state, lastActiveTs, lastUserSyncTs, currentlyActive };
}

/** Brings a user up to date. Gives when to look again, in ms since the epoch; undefined when time alone changes nothing more. */
export function settle(user: TrackedPresence, timers: PresenceTimers, now: number): number | undefined {
  if (user.row.lastFederationUpdateTs > 0) return settleRemote(user, now);
  user.row = sumUp(user, timers, now);
  let next = user.row.state === "offline" ? Infinity : user.publishedTs + REPEAT_MS;
  if (user.row.currentlyActive) next = user.row.lastActiveTs + timers.last_active_granularity;
  for (const device of user.devices.values()) {
    if (device.syncingAt.size === 0) next = Math.min(next, device.lastSyncTs + timers.sync_online_timeout);
    if (device.state === "online") next = Math.min(next, device.lastActiveTs + timers.idle_timeout);
  }
  return next === Infinity ? undefined : next;
}

function settleRemote(user: TrackedPresence, now: number): number | undefined {
  const expires = user.row.lastFederationUpdateTs + REMOTE_EXPIRY_MS;
  if (user.row.state === "offline") return undefined;
  if (now < expires) return expires;
  user.row = { ...user.row, state: "offline", currentlyActive: false };
  return undefined;
}

/** Whether others must hear of a user. Who is currently active is known to be: each further activity is no news. */
export function isNews(before: PresenceRow, user: TrackedPresence, granularity: number, now: number): boolean {
  const after = user.row;
  if (after.state !== "offline" && now - user.publishedTs >= REPEAT_MS) return true;
  if (before.state !== after.state || before.statusMsg !== after.statusMsg) return true;
  if (before.currentlyActive !== after.currentlyActive) return true;
  return !after.currentlyActive && after.lastActiveTs - before.lastActiveTs > granularity;
}
