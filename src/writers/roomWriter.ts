import { LRUCache } from "lru-cache";
import type { Caches } from "../caches/caches";
import type { StoredEvent } from "../caches/events";
import type { RoomInfo } from "../caches/rooms";
import { stateGroupBytes } from "../caches/stateGroups";
import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import { createKeyedQueue } from "../lib/keyedQueue";
import { createLru } from "../lib/lru";
import type { Random } from "../lib/random";
import type { SigningKey } from "../rooms/event";
import { roomVersion } from "../rooms/versions";
import type { CacheChange } from "../storage/cacheChanges";
import type { Database } from "../storage/db";
import type { CheckedPdu } from "./checkedPdu";
import { buildOnTip, loadInputs, redactionTarget, refusal, sameState } from "./buildOnTip";
import type { BuildContext, BuiltOnTip } from "./buildOnTip";
import { Flusher, type Queued } from "./flusher";
import type { PushPersister } from "./pendingEvent";
import { buildRoom, pendingOf } from "./newRoom";
import { type IdBlock, createIdBlock } from "./idBlocks";
import { cachesAhead } from "./remote/ahead";
import { buildOnSomeEnds, hasManyEnds } from "./remote/manyExtremities";
import { storeOlder } from "./remote/older";
import { type Novelty, createNovelty } from "./remote/novelty";
import { buildOnward } from "./remote/onward";
import { type RedactionEffects, concernsRedaction, findTarget, redactionEffects } from "./remote/redactions";
import { buildRemote, storeOutliers } from "./remote/remoteStore";
import type { RemoteStoreDeps } from "./remote/remoteStore";
import { messageOf } from "../replication/log";
import { sendIntent, unwrap } from "./intents";
import type { NewRoomIntent, SendIntent, SendOutcome, SendRefusal, SentEvent } from "./intents";
import type { RemoteOutcome, RemoteRequest, TransactionEvents, TransactionOutcome } from "./remoteRpc";
import { type RoomTip, loadTip } from "./roomTip";
import { allStored, release } from "./roomWork";
import type { Job, QueuedRequest, RemoteJob, RoomWork } from "./roomWork";
import { createSentOnce } from "./sentOnce";
import type { EventStreamRow } from "../storage/events";
import type { StreamRow } from "../storage/streamIds";

export interface RoomWriterDeps {
  readonly db: Database;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly random: Random;
  readonly signingKey: SigningKey;
  readonly serverName: string;
  readonly config: Pick<Config, "enable_ephemeral_messages" | "forget_rooms_on_leave">;
  /** Late: push rules read what the writer's process knows. */
  readonly push: () => PushPersister | undefined;
  readonly publish: (rows: readonly StreamRow<EventStreamRow>[]) => void;
  /** Tells all processes what they remember wrongly. */
  readonly forget: (rows: readonly StreamRow<CacheChange>[]) => void;
}

/** More waiting events than this in one room, and senders are told to slow down. */
const MAX_QUEUE = 1000;

/** The owner of rooms: builds their events one after another in memory and stores many rooms' events in one transaction. */
export class RoomWriter {
  /** Rooms with something to do. */
  private readonly rooms = new Map<string, RoomWork>();
  /** Where the others stand that were written to lately. */
  private readonly idle = new LRUCache<string, RoomTip>({
    maxSize: MAX_IDLE_BYTES,
    sizeCalculation: ({ group }) => 1000 + stateGroupBytes(group),
  });
  private readonly sentOnce = createSentOnce();
  private readonly eventNids: IdBlock;
  private readonly groupIds: IdBlock;
  private readonly newRooms = createKeyedQueue();
  private readonly roomNids: IdBlock;
  /** What storing other servers' events takes. */
  readonly remote: RemoteStoreDeps;
  private readonly flusher: Flusher<Job>;
  private readonly novelty: Novelty;

  constructor(private readonly deps: RoomWriterDeps) {
    this.eventNids = createIdBlock(deps.db, "events_nid_seq");
    this.groupIds = createIdBlock(deps.db, "state_groups_seq");
    this.roomNids = createIdBlock(deps.db, "rooms_nid_seq");
    const { eventNids, groupIds, roomNids } = this;
    this.flusher = new Flusher<Job>(deps, {
      retry: (jobs, roomId) => this.retry(jobs, roomId),
      settled: (roomId) => this.settled(roomId),
    });
    this.remote = {
      ...deps,
      caches: cachesAhead(deps.caches, this.flusher.ahead),
      eventNids,
      groupIds,
      roomNids,
      redactedEarly: createLru(MAX_REDACTED_EARLY),
      outliers: createKeyedQueue(),
      now: () => deps.clock.now(),
    };
    this.novelty = createNovelty(deps.db);
  }

  /** Outcomes parallel to the intents. Refusals are values; a throw means that the database could not store the events. */
  submit(intents: readonly SendIntent[]): Promise<SendOutcome[]> {
    return Promise.all(intents.map((intent) => this.sentOnce.run(intent, () => this.enqueue(intent))));
  }

  /** Builds a whole new room in memory; stores it only if every event passes. Refuses with 409 an id that another room has. */
  create(intent: NewRoomIntent): Promise<SendOutcome[]> {
    return this.newRooms.run(intent.roomId, () => this.createNow(intent));
  }

  private async createNow(intent: NewRoomIntent): Promise<SendOutcome[]> {
    const { caches, clock } = this.deps;
    const version = roomVersion(intent.version);
    if (!version) return [{ refused: refusal(400, "M_UNSUPPORTED_ROOM_VERSION", `Room version ${intent.version} is not supported`) }];
    if (await caches.rooms.byId(intent.roomId)) return [{ refused: refusal(409, "M_UNKNOWN", "There is a room of this id already") }];
    const count = intent.events.length + 1;
    const [[nid = 0], nids, groupIds] = await Promise.all([this.roomNids.take(1), this.eventNids.take(count), this.groupIds.take(count)]);
    const room: RoomInfo = { nid, roomId: intent.roomId, version, creator: intent.creator };
    const built = await buildRoom(this.deps.caches, room, intent, (i) => this.context(nids[i] ?? 0, groupIds[i] ?? 0));
    if ("refused" in built) return [built];
    const work = this.workOf(room.roomId);
    work.tip = built.at(-1)?.tip;
    work.unstored++;
    const outcomes = await this.flusher.addRoom(pendingOf(intent, built, clock.now()));
    caches.rooms.add(room);
    return outcomes;
  }

  /** Builds an event on the present state and signs it; nothing is stored. */
  async prepare(intent: SendIntent): Promise<CheckedPdu | { readonly refused: SendRefusal }> {
    const work = this.workOf(intent.roomId);
    const tip = await this.tipOf(work);
    this.rest(work);
    if (!tip) return { refused: refusal(404, "M_NOT_FOUND", "Unknown room") };
    const [inputs, [nid = 0]] = await Promise.all([
      loadInputs(this.deps.caches, tip, intent, this.flusher.ahead.byNid),
      this.eventNids.take(1),
    ]);
    const built = buildOnTip(tip, intent, inputs, this.context(nid, 0));
    return "refused" in built ? built : { eventId: built.event.eventId, json: built.json };
  }

  /** Stores what another server sent, in the order of the room's queue where it may change the room. */
  async storeRemote(request: RemoteRequest): Promise<RemoteOutcome> {
    if (request.kind === "outliers") return storeOutliers(this.remote, request);
    if (request.kind === "older") return storeOlder(this.remote, request);
    return this.enqueueRemote(request, false);
  }

  /** Stores the events of one room that came together; an event that cannot be stored takes no other with it that does not rest on it. */
  async storeTransaction({ roomId, events }: TransactionEvents): Promise<TransactionOutcome[]> {
    const fresh = await this.novelty.freshOf(events.map(({ event }) => event.eventId));
    const stored = events.map(({ event, suspect }) =>
      this.enqueueRemote({ kind: "event", roomId, event, suspect }, fresh.has(event.eventId)),
    );
    return (await Promise.allSettled(stored)).map((result) =>
      result.status === "fulfilled" ? result.value : { kind: "failed", reason: messageOf(result.reason) },
    );
  }

  private async enqueueRemote(request: QueuedRequest, isFresh: boolean): Promise<RemoteOutcome> {
    let outcome: RemoteOutcome | undefined;
    const answer = (given: RemoteOutcome): void => void (outcome = given);
    const sent = await new Promise<SendOutcome>((resolve, reject) => {
      const { sender = "", deviceId = null, txnId = null } = (request.kind === "event" && request.ours) || {};
      const intent = sendIntent({ roomId: request.roomId, sender, type: "", content: {} }, { deviceId, txnId });
      this.push({ intent, remote: { request, answer, isFresh }, resolve, reject, attempts: 0 });
    });
    return outcome ?? { kind: "stored", sent: unwrap<{ readonly sent: SentEvent }>(sent).sent };
  }

  /** Does work in the room's turn while nothing of the room is built, stored or placed. What was known of the room is read anew afterwards. */
  async alone<T>(roomId: string, work: () => Promise<T>): Promise<T> {
    const results: T[] = [];
    const outcome = await new Promise<SendOutcome>((resolve, reject) => {
      const intent = sendIntent({ roomId, sender: "", type: "", content: {} });
      this.push({ intent, alone: async () => void results.push(await work()), resolve, reject, attempts: 0 });
    });
    if (results.length === 0) unwrap(outcome);
    return results[0] as T;
  }

  /** Waits until everything submitted is stored or refused. */
  drain(): Promise<void> {
    return this.flusher.drain();
  }

  private workOf(roomId: string): RoomWork {
    let work = this.rooms.get(roomId);
    if (!work) {
      this.rooms.set(roomId, (work = { roomId, queue: [], running: false, unstored: 0, whenStored: [], tip: this.idle.get(roomId) }));
      this.idle.delete(roomId);
    }
    return work;
  }

  private enqueue(intent: SendIntent): Promise<SendOutcome> {
    return new Promise((resolve, reject) => this.push({ intent, resolve, reject, attempts: 0 }));
  }

  private push(job: Job): void {
    const work = this.workOf(job.intent.roomId);
    if (work.queue.length >= MAX_QUEUE) {
      return job.resolve({
        refused: refusal(429, "M_LIMIT_EXCEEDED", "Too many events are waiting in this room", { retry_after_ms: 1000 }),
      });
    }
    work.queue.push(job);
    this.start(work);
  }

  /** A flush failed: everything of these rooms that is not stored is built anew, on tips read from the database. */
  private retry(jobs: readonly Job[], roomId: string): void {
    const work = this.workOf(roomId);
    work.tip = undefined;
    work.unstored = 0;
    release(work);
    work.queue = [...jobs, ...work.queue];
    this.start(work);
  }

  /** An event of the room was stored. */
  private settled(roomId: string): void {
    const work = this.rooms.get(roomId);
    if (!work) return;
    work.unstored--;
    if (work.unstored <= 0) release(work);
    this.rest(work);
  }

  /** Where nothing is waiting any more, the tip goes where it may leave memory. */
  private rest(work: RoomWork): void {
    if (work.running || work.unstored > 0 || work.queue.length > 0 || this.rooms.get(work.roomId) !== work) return;
    this.rooms.delete(work.roomId);
    if (work.tip) this.idle.set(work.roomId, work.tip);
  }

  private store(work: RoomWork, queued: Queued<Job>): void {
    work.unstored++;
    this.flusher.add(queued);
  }

  private start(work: RoomWork): void {
    if (work.running) return;
    work.running = true;
    void this.run(work).finally(() => {
      work.running = false;
      if (work.queue.length > 0) this.start(work);
      else this.rest(work);
    });
  }

  private async run(work: RoomWork): Promise<void> {
    for (let job = work.queue.shift(); job; job = work.queue.shift()) {
      try {
        if (job.alone) await this.standStill(work, job, job.alone);
        else await (job.remote ? this.buildRemote(work, job, job.remote) : this.build(work, job));
      } catch (error) {
        work.tip = undefined;
        job.reject(error);
      }
    }
  }

  private async standStill(work: RoomWork, job: Job, alone: () => Promise<void>): Promise<void> {
    await allStored(work);
    await this.remote.outliers.run(work.roomId, alone);
    work.tip = undefined;
    job.resolve({ refused: refusal(200, "M_UNKNOWN", "nothing to send") });
  }

  /** Read from the database only once all of the room is there that was built. */
  private async tipOf(work: RoomWork): Promise<RoomTip | undefined> {
    if (!work.tip) await allStored(work);
    if (work.tip) return work.tip;
    const { db, caches } = this.deps;
    const room = await caches.rooms.byId(work.roomId);
    const tip = room && (await loadTip(db, caches, room));
    // Somebody else may have read it meanwhile, and built on it.
    return (work.tip ??= tip);
  }

  private async build(work: RoomWork, job: Job): Promise<void> {
    const { intent } = job;
    const { caches, clock } = this.deps;
    const tip = await this.tipOf(work);
    if (!tip) return job.resolve({ refused: refusal(404, "M_NOT_FOUND", "Unknown room") });
    if (hasManyEnds(tip)) return this.buildOnSomeEnds(work, job, tip);
    const [inputs, target, [nid = 0], [groupId = 0]] = await Promise.all([
      loadInputs(caches, tip, intent, this.flusher.ahead.byNid),
      this.targetOf(work, intent),
      this.eventNids.take(1),
      intent.stateKey === null ? [] : this.groupIds.take(1),
    ]);
    // A flush failed while we were reading, and took this tip with it.
    if (work.tip !== tip) return this.build(work, job);
    const same = sameState(intent, inputs);
    if (same) return this.flusher.whenStored(same, job);
    const built = buildOnTip(tip, intent, inputs, this.context(nid, groupId));
    if ("refused" in built) return job.resolve({ refused: built.refused });
    work.tip = built.tip;
    const redacts = target && redactionTarget(built, inputs, target);
    this.store(work, { job, roomId: tip.room.roomId, event: { built, intent, receivedTs: clock.now(), newRoom: undefined, redacts } });
  }

  private async buildOnSomeEnds(work: RoomWork, job: Job, tip: RoomTip): Promise<void> {
    const { intent } = job;
    await allStored(work);
    if (work.tip !== tip) return this.build(work, job);
    const result = await buildOnSomeEnds(this.remote, tip, intent, async () => this.context((await this.eventNids.take(1))[0] ?? 0, 0));
    if ("refused" in result) return job.resolve(result);
    const { built, inputs } = result;
    const target = await this.targetOf(work, intent);
    work.tip = built.tip;
    const redacts = target && redactionTarget(built, inputs, target);
    const event = { built, intent, receivedTs: this.deps.clock.now(), newRoom: undefined, redacts };
    this.store(work, { job, roomId: tip.room.roomId, event });
    await allStored(work);
  }

  /** What one of our events redacts; what is on its way to the disk is waited for. */
  private async targetOf(work: RoomWork, { redacts }: SendIntent): Promise<StoredEvent | undefined> {
    if (redacts === null) return undefined;
    if (this.flusher.ahead.byId.has(redacts)) await allStored(work);
    return findTarget(this.remote, redacts);
  }

  private async buildRemote(work: RoomWork, job: Job, remote: RemoteJob): Promise<void> {
    const { request, answer } = remote;
    // Of the room nothing else may be on its way to the disk, but for what simply follows.
    const isPlain = request.kind === "event" && !request.foreign;
    if (!isPlain) await allStored(work);
    const tip = await this.tipOf(work);
    const isFresh = remote.isFresh && job.attempts === 0;
    const onward = isFresh && isPlain && tip ? buildOnward(this.remote, request, tip) : undefined;
    if (onward) return this.storeBuilt(work, job, onward, noEffects);
    const result = await buildRemote(this.remote, request, tip, isFresh);
    // A flush failed while we were reading, and took this tip with it.
    if (work.tip !== tip) return this.buildRemote(work, job, remote);
    if ("stored" in result) return this.flusher.whenStored(result.stored, job);
    if ("outcome" in result) {
      answer(result.outcome);
      return job.resolve({ refused: refusal(200, "M_UNKNOWN", "not stored") });
    }
    if (concernsRedaction(this.remote, result.built.event)) await allStored(work);
    const { built, ...effects } = await redactionEffects(this.remote, result.built, isFresh);
    if (work.tip !== tip) return this.buildRemote(work, job, remote);
    const { rejected, softFailed } = built.verdict;
    if (rejected !== null) answer({ kind: "rejected", reason: rejected });
    else if (softFailed) answer({ kind: "soft_failed", reason: "not allowed by the present state of the room" });
    this.storeBuilt(work, job, built, effects);
    if (!isPlain) await allStored(work);
  }

  private storeBuilt(work: RoomWork, job: Job, built: BuiltOnTip, effects: Omit<RedactionEffects, "built">): void {
    if (built.movesTip) work.tip = built.tip;
    const event = { built, intent: job.intent, receivedTs: this.deps.clock.now(), newRoom: undefined, ...effects };
    this.store(work, { job, roomId: work.roomId, event });
  }

  private context(nid: number, groupId: number): BuildContext {
    const { signingKey, clock, random, serverName } = this.deps;
    return {
      key: signingKey,
      now: clock.now(),
      nid,
      groupId,
      opaqueId: () => `$${random.letters(32)}:${serverName}`,
    };
  }
}

const noEffects = { redacts: undefined, redactedBy: undefined, forget: [] };

/** Redactions of events that are not here yet. */
const MAX_REDACTED_EARLY = 10_000;

/** Tips that stay in memory while their rooms are idle. Most share their state with the cache of state groups. */
const MAX_IDLE_BYTES = 16 * 1024 * 1024;
