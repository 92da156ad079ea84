import type { Caches } from "../caches/caches";
import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import type { Limiter } from "../lib/limiter";
import type { Random } from "../lib/random";
import type { Turns } from "../lib/turns";
import type { LoggerFactory } from "../observe/logger";
import type { Federation } from "../remote/federation";
import type { Attention } from "../replication/attention";
import type { Freshness } from "../replication/freshness";
import type { Hints } from "../replication/hints";
import type { Notifier } from "../replication/notifier";
import type { Rpc } from "../replication/rpc";
import type { Streams } from "../replication/streams";
import type { OwnSigningKey } from "../rooms/signing";
import type { Database } from "../storage/db";
import type { DelayedEvents } from "../writers/delayedEventsRpc";
import type { RoomWriter } from "../writers/roomWriter";
import type { SearchIndex } from "../writers/searchIndexRpc";
import type { ServerNotices } from "../writers/serverNoticeRpc";
import type { Background } from "../observe/background";
import type { Metrics } from "../observe/metrics";
import type { Ownership } from "../replication/ownership";
import type { Forwarder } from "../replication/forward";
import type { RollCall } from "../replication/rollCall";
import type { ProcessReport } from "./admin/cluster";
import type { AdminTasks } from "./admin/tasks";
import type { Appservices } from "./appservices/appservices";
import type { Accounts } from "./auth/accounts";
import type { InFlight } from "./federation/inFlight";
import type { PartialJoins } from "./federation/partialJoins";
import type { Keys } from "./keys/keys";
import type { Media } from "./media/media";
import type { MediaProcesses } from "./media/mediaProcesses";
import type { Push } from "./push/push";
import type { Authenticate } from "./request";
import type { RemoteRooms } from "./spaces/remoteRooms";
import type { Templates } from "./templates/templates";
import type { SlidingConnections } from "./slidingSync/connections";
import type { ResponseCache } from "./sync/responseCache";
import type { LazyMembers } from "./sync/lazyMembers";
import type { UserData } from "./userData";
import type { RateLimiter } from "./rateLimiter";

/** What other subjects do when something happens to an account. Each runs after the change is stored; failures are logged. */
export interface AccountHooks {
  userRegistered(userId: string, options: { readonly isGuest: boolean }): Promise<void>;
  userDeactivated(userId: string, options: { readonly erase: boolean; readonly requestedBy: string }): Promise<void>;
}

/**
 * The collaborators of a process, made once in server/. Functions ask for the part that they need: `Pick<App, "db" | "clock">`.
 */
export interface App {
  readonly config: Config;
  readonly serverName: string;
  /** Name of this process: `main`, or its `worker_name`. */
  readonly instanceName: string;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly random: Random;
  readonly log: LoggerFactory;
  readonly db: Database;
  readonly signingKey: OwnSigningKey;
  readonly caches: Caches;
  readonly streams: Streams;
  readonly attention: Attention;
  readonly notifier: Notifier;
  /** Absent in a process that is alone. */
  readonly freshness: Freshness | undefined;
  readonly hints: Hints;
  readonly rpc: Rpc;
  readonly rateLimiter: RateLimiter;
  readonly metrics: Metrics;
  readonly ownership: Ownership;
  readonly accounts: Accounts;
  readonly userData: UserData;
  readonly templates: Templates;
  readonly keys: Keys;
  readonly push: Push;
  readonly lazyMembers: LazyMembers;
  readonly syncResponses: ResponseCache;
  readonly largeSyncs: Limiter;
  readonly slidingSync: SlidingConnections;
  readonly auth: { readonly authenticate: Authenticate };
  readonly hooks: AccountHooks;
  /** Other servers: requests to them, and their keys. */
  readonly federation: Federation;
  /** Requests to application services. */
  readonly appservices: Appservices;
  readonly inFlight: InFlight;
  /** What other servers tell of their rooms. */
  readonly remoteRooms: RemoteRooms;
  readonly media: Media;
  /** For a process without media: who has it, and the way there. */
  readonly mediaProcesses: MediaProcesses;
  readonly forwarder: Forwarder;
  readonly adminTasks: AdminTasks;
  readonly partialJoins: PartialJoins;
  /** The other processes of the server, and what this one says to them of itself. */
  readonly cluster: { readonly rollCall: RollCall; readonly describe: () => Promise<ProcessReport> };
  readonly serverNotices: ServerNotices;
  readonly delayedEvents: DelayedEvents;
  readonly searchIndex: SearchIndex;
  /** Present where this process may write events. */
  readonly roomWriter: RoomWriter | undefined;
  readonly background: Background;
}
