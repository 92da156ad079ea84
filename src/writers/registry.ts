import type { CaughtUp } from "../replication/follower";
import { decodeUpdates } from "../replication/memoryLog";
import type { UpdatesAnswer, UpdatesQuery } from "../replication/memoryLog";
import { defineRpc } from "../replication/rpc";
import type { AnyRpc, Rpc } from "../replication/rpc";
import type { Streams } from "../replication/streams";
import type { AnyStream } from "../streams/defineStream";
import { changeAccountData } from "./accountData";
import { askAppservice } from "./appserviceRpc";
import { delayedEventRpcs } from "./delayedEventsRpc";
import { demandPresence, receivePresence, reportActivity, reportSyncs, setTypists } from "./ephemeralRpc";
import { eventRpcs } from "./eventsRpc";
import { repairRpcs } from "./repairRpc";
import { completeState } from "./partialRpc";
import { purgeRpcs } from "./purgeRpc";
import { remoteRpcs } from "./remoteRpc";
import { reachSearchIndex } from "./searchIndexRpc";
import { deliverServerNotice } from "./serverNoticeRpc";
import { sendReceipt } from "./receipts";
import { queueToDevice } from "./toDevice";
import { wakeDestination } from "./wakeDestination";

/** Asks the writer of a memory-only stream for what this process missed. */
const streamUpdates = defineRpc<{ readonly streams: Streams }, UpdatesQuery, UpdatesAnswer>({
  name: "get_repl_stream_updates",
  owner: ({ stream }) => ({ stream }),
  repeatable: true,
  handle: async (app, queries) => queries.map((query) => app.streams.updatesSince(query)),
});

export async function fetchMemory(app: { readonly rpc: Rpc }, stream: AnyStream, query: UpdatesQuery): Promise<CaughtUp> {
  return decodeUpdates(stream, await app.rpc.call(streamUpdates, query));
}

/** Every call between processes. One that isn't listed here cannot be made from another process. */
export const allRpcs: readonly AnyRpc[] = [
  streamUpdates,
  askAppservice,
  deliverServerNotice,
  ...repairRpcs,
  ...eventRpcs,
  ...remoteRpcs,
  ...purgeRpcs,
  ...delayedEventRpcs,
  completeState,
  changeAccountData,
  sendReceipt,
  queueToDevice,
  setTypists,
  reportSyncs,
  reportActivity,
  demandPresence,
  receivePresence,
  wakeDestination,
  reachSearchIndex,
] as readonly AnyRpc[];
