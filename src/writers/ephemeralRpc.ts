import { defineRpc } from "../replication/rpc";
import type { PresenceDemand, PresenceWriter, RemotePresence, SyncReport } from "./presence";
import type { TypingChange, TypingWriter } from "./typing";

/** What is said of presence is soon said again, so nobody waits long for a writer that is away. */
const PRESENCE_TIMEOUT_MS = 5_000;

interface TypingApp {
  readonly userData: { readonly typingWriter: TypingWriter };
}
interface PresenceApp {
  readonly userData: { readonly presenceWriter: PresenceWriter };
}

/** Tells the writer of typing that somebody starts, goes on or stops. */
export const setTypists = defineRpc<TypingApp, TypingChange, number>({
  name: "set_typists",
  owner: () => ({ stream: "typing" }),
  batch: 64,
  repeatable: true,
  handle: async (app, changes) => {
    const position = app.userData.typingWriter.set(changes);
    return changes.map(() => position);
  },
});

/** Tells the writer of presence who syncs at this process. Gives a value that changes when a full report is due. */
export const reportSyncs = defineRpc<PresenceApp, SyncReport, string>({
  name: "report_syncs",
  owner: () => ({ stream: "presence" }),
  repeatable: true,
  timeoutMs: PRESENCE_TIMEOUT_MS,
  handle: (app, reports) => Promise.all(reports.map((report) => app.userData.presenceWriter.report(report))),
});

/** Tells the writer of presence that a user did something. */
export const reportActivity = defineRpc<PresenceApp, { readonly userId: string; readonly deviceId: string }, null>({
  name: "report_activity",
  owner: () => ({ stream: "presence" }),
  batch: 256,
  repeatable: true,
  timeoutMs: PRESENCE_TIMEOUT_MS,
  handle: async (app, devices) => {
    await app.userData.presenceWriter.activity(devices);
    return devices.map(() => null);
  },
});

/** Sets presence outright, as a client demands. */
export const demandPresence = defineRpc<PresenceApp, PresenceDemand, null>({
  name: "demand_presence",
  owner: () => ({ stream: "presence" }),
  batch: 64,
  repeatable: true,
  handle: async (app, demands) => {
    await app.userData.presenceWriter.demand(demands);
    return demands.map(() => null);
  },
});

/** Hands over what another server says of its users. */
export const receivePresence = defineRpc<PresenceApp, RemotePresence, null>({
  name: "receive_presence",
  owner: () => ({ stream: "presence" }),
  batch: 100,
  repeatable: true,
  handle: async (app, updates) => {
    await app.userData.presenceWriter.remote(updates);
    return updates.map(() => null);
  },
});
