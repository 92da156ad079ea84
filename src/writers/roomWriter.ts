import { LRUCache } from "lru-cache";
import type { Caches } from "../caches/caches";
import type { StoredEvent } from "../caches/events";
import type { RoomInfo } from "../caches/rooms";
import { stateGroupBytes } from "../caches/stateGroups";
import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import { parseLosslessJson } from "../lib/jsonLossless";
import { createKeyedQueue } from "../lib/keyedQueue";
import { createLru } from "../lib/lru";
import type { Random } from "../lib/random";
import { mayRedact } from "../rooms/auth/redaction";
import type { Pdu, RoomEvent, SigningKey } from "../rooms/event";
import { parseEvent } from "../rooms/parseEvent";
import { roomVersion } from "../rooms/versions";
import type { Database } from "../storage/db";
import { advance, buildOnTip, loadInputs, pairKey, refusal, sameState } from "./buildOnTip";
import type { BuildContext, BuildInputs, BuiltOnTip } from "./buildOnTip";
import { Flusher } from "./flusher";
import type { Queued } from "./flusher";
import { unstored } from "./flush";
import type { PushPersister } from "./flush";
import { createIdBlock } from "./idBlocks";
import type { IdBlock } from "./idBlocks";
import { buildOnSomeEnds, hasManyEnds } from "./remote/manyExtremities";
import { storeOlder } from "./remote/older";
import { redactionEffects } from "./remote/redactions";
import { buildRemote, storeOutliers } from "./remote/remoteStore";
import type { RemoteStoreDeps } from "./remote/remoteStore";
import { sendIntent, unwrap } from "./intents";
import type { NewRoomIntent, SendIntent, SendOutcome, SendRefusal, SentEvent } from "./intents";
import type { CheckedPdu, RemoteOutcome, RemoteRequest } from "./remoteRpc";
import { loadTip, newTip } from "./roomTip";
import { allStored, release } from "./roomWork";
import type { Job, RoomWork } from "./roomWork";
import type { RoomTip } from "./roomTip";
import type { EventStreamRow } from "../storage/events";
import type { StreamRow } from "../storage/streamIds";

export interface RoomWriterDeps {
  readonly db: Database;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly random: Random;
  readonly signingKey: SigningKey;
  readonly serverName: string;
  readonly config: Pick<Config, "enable_ephemeral_messages">;
  /** Late: push rules read what the writer's process knows. */
  readonly push: () => PushPersister | undefined;
  readonly publish: (rows: readonly StreamRow<EventStreamRow>[]) => void;
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
  /** Transactions under way, and those that were stored lately. */
  private readonly sending = new Map<string, Promise<SendOutcome>>();
  private readonly sent = createLru<string, SentEvent>(MAX_TRANSACTIONS);
  private readonly eventNids: IdBlock;
  private readonly groupIds: IdBlock;
  private readonly roomNids: IdBlock;
  /** What storing other servers' events takes. */
  readonly remote: RemoteStoreDeps;
  private readonly flusher: Flusher<Job>;

  constructor(private readonly deps: RoomWriterDeps) {
    this.eventNids = createIdBlock(deps.db, "events_nid_seq");
    this.groupIds = createIdBlock(deps.db, "state_groups_seq");
    this.roomNids = createIdBlock(deps.db, "rooms_nid_seq");
    const { eventNids, groupIds, roomNids } = this;
    this.remote = { ...deps, eventNids, groupIds, roomNids, outliers: createKeyedQueue(), now: () => deps.clock.now() };
    this.flusher = new Flusher<Job>(deps, {
      retry: (jobs, roomId) => this.retry(jobs, roomId),
      settled: (roomId) => this.settled(roomId),
    });
  }

  /** Outcomes parallel to the intents. Refusals are values; a throw means that the database could not store the events. */
  submit(intents: readonly SendIntent[]): Promise<SendOutcome[]> {
    return Promise.all(intents.map((intent) => this.once(intent)));
  }

  /** Builds a whole new room in memory; stores it only if every event passes. */
  async create(intent: NewRoomIntent): Promise<SendOutcome[]> {
    const { caches, clock } = this.deps;
    const version = roomVersion(intent.version);
    if (!version) return [{ refused: refusal(400, "M_UNSUPPORTED_ROOM_VERSION", `Room version ${intent.version} is not supported`) }];
    if (await caches.rooms.byId(intent.roomId)) return [{ refused: refusal(409, "M_UNKNOWN", "There is a room of this id already") }];
    const count = intent.events.length + 1;
    const [[nid = 0], nids, groupIds] = await Promise.all([this.roomNids.take(1), this.eventNids.take(count), this.groupIds.take(count)]);
    const room: RoomInfo = { nid, roomId: intent.roomId, version, creator: intent.creator };
    const built = await this.buildRoom(room, intent, (i) => this.context(nids[i] ?? 0, groupIds[i] ?? 0));
    if ("refused" in built) return [built];
    const work = this.workOf(room.roomId);
    work.tip = built.at(-1)?.tip;
    work.unstored++;
    const newRoom = { creator: intent.creator, isPublic: intent.isPublic };
    const outcomes = await this.flusher.addRoom(
      built.map((build, i) => ({
        built: build,
        intent: intent.events[i - 1] ?? { deviceId: null, txnId: null },
        receivedTs: clock.now(),
        newRoom: i === 0 ? newRoom : undefined,
        redacts: undefined,
      })),
    );
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
      loadInputs(this.deps.caches, tip, intent, this.flusher.pending),
      this.eventNids.take(1),
    ]);
    const built = buildOnTip(tip, intent, inputs, this.context(nid, 0));
    return "refused" in built ? built : { eventId: built.event.eventId, json: built.json };
  }

  /** Stores what another server sent, in the order of the room's queue where it may change the room. */
  async storeRemote(request: RemoteRequest): Promise<RemoteOutcome> {
    if (request.kind === "outliers") return storeOutliers(this.remote, request);
    if (request.kind === "older") return storeOlder(this.remote, request);
    const { eventId } = request.event;
    let outcome: RemoteOutcome | undefined;
    const answer = (given: RemoteOutcome): void => void (outcome = given);
    const sent = await new Promise<SendOutcome>((resolve, reject) => {
      const { sender = "", deviceId = null, txnId = null } = (request.kind === "event" && request.ours) || {};
      const intent = sendIntent({ roomId: request.roomId, sender, type: "", content: {} }, { deviceId, txnId });
      this.push({ intent, remote: { request, answer }, resolve, reject, attempts: 0 });
    });
    return outcome ?? ("sent" in sent ? { kind: "stored", sent: sent.sent } : { kind: "rejected", reason: eventId });
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

  /** A transaction that was sent again gets the answer of the first. Those of an earlier life are found when storing fails. */
  private once(intent: SendIntent): Promise<SendOutcome> {
    if (intent.txnId === null) return this.enqueue(intent);
    const key = [intent.roomId, intent.sender, intent.deviceId ?? "", intent.txnId].join("\u0000");
    const sent = this.sent.get(key);
    if (sent) return Promise.resolve({ sent });
    const known = this.sending.get(key);
    if (known) return known;
    const outcome = this.enqueue(intent, (result) => {
      this.sending.delete(key);
      if (result && "sent" in result) this.sent.set(key, result.sent);
    });
    this.sending.set(key, outcome);
    return outcome;
  }

  private enqueue(intent: SendIntent, done: (outcome: SendOutcome | undefined) => void = nothing): Promise<SendOutcome> {
    return new Promise((resolve, reject) => {
      this.push({
        intent,
        resolve: (outcome) => (done(outcome), resolve(outcome)),
        reject: (error) => (done(undefined), reject(error)),
        attempts: 0,
      });
    });
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
    if (work.running || work.unstored > 0 || work.queue.length > 0) return;
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

  private async tipOf(work: RoomWork): Promise<RoomTip | undefined> {
    if (work.tip) return work.tip;
    const { db, caches } = this.deps;
    const room = await caches.rooms.byId(work.roomId);
    work.tip = room && (await loadTip(db, caches, room));
    return work.tip;
  }

  private async build(work: RoomWork, job: Job): Promise<void> {
    const { intent } = job;
    const { caches, clock } = this.deps;
    const tip = await this.tipOf(work);
    if (!tip) return job.resolve({ refused: refusal(404, "M_NOT_FOUND", "Unknown room") });
    if (hasManyEnds(tip)) return this.buildOnSomeEnds(work, job, tip);
    const [inputs, target, [nid = 0], [groupId = 0]] = await Promise.all([
      loadInputs(caches, tip, intent, this.flusher.pending),
      intent.redacts === null ? undefined : caches.events.byId(intent.redacts),
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
    const target = intent.redacts === null ? undefined : await this.deps.caches.events.byId(intent.redacts);
    work.tip = built.tip;
    const redacts = target && redactionTarget(built, inputs, target);
    const event = { built, intent, receivedTs: this.deps.clock.now(), newRoom: undefined, redacts };
    this.store(work, { job, roomId: tip.room.roomId, event });
    await allStored(work);
  }

  /** Events of other servers may refer to anything of the room that is stored, so nothing of it may be on its way to the disk. */
  private async buildRemote(work: RoomWork, job: Job, { request, answer }: NonNullable<Job["remote"]>): Promise<void> {
    await allStored(work);
    const result = await buildRemote(this.remote, request, () => this.tipOf(work));
    if ("outcome" in result) {
      answer(result.outcome);
      return job.resolve({ refused: refusal(200, "M_UNKNOWN", "not stored") });
    }
    const { built, redacts, redactedBy } = await redactionEffects(this.deps, result.built);
    const { rejected, softFailed } = built.verdict;
    if (rejected !== null) answer({ kind: "rejected", reason: rejected });
    else if (softFailed) answer({ kind: "soft_failed", reason: "not allowed by the present state of the room" });
    if (built.movesTip) work.tip = built.tip;
    const { intent } = job;
    this.store(work, {
      job,
      roomId: request.roomId,
      event: { built, intent, receivedTs: this.deps.clock.now(), newRoom: undefined, redacts, redactedBy },
    });
    await allStored(work);
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

  private async buildRoom(
    room: RoomInfo,
    intent: NewRoomIntent,
    contextOf: (i: number) => BuildContext,
  ): Promise<BuiltOnTip[] | { readonly refused: SendRefusal }> {
    const { caches } = this.deps;
    const event = parseEvent(room.version, parseLosslessJson(intent.createEvent) as Pdu);
    const [keyNid] = await caches.stateKeys.intern([["m.room.create", ""]]);
    let last = advance(newTip(room), { event, json: intent.createEvent }, { state: new Map(), keyNid }, contextOf(0));
    const built = [last];
    const pending = new Map([[last.nid, unstored(last)]]);
    // All keys in one query; what follows finds them in memory.
    await caches.stateKeys.intern(intent.events.flatMap((e) => (e.stateKey === null ? [] : [[e.type, e.stateKey] as const])));
    for (const send of intent.events) {
      const next = buildOnTip(last.tip, send, await loadInputs(caches, last.tip, send, pending), contextOf(built.length));
      if ("refused" in next) return next;
      pending.set(next.nid, unstored(next));
      built.push((last = next));
    }
    return built;
  }
}

const nothing = (): void => undefined;

/** The id of the event that a redaction takes effect on, if it may. */
function redactionTarget({ tip: { room }, event }: BuiltOnTip, { state }: BuildInputs, target: StoredEvent): string | undefined {
  const lookup = (type: string, key: string): RoomEvent | undefined => state.get(pairKey(type, key))?.event;
  return target.row.roomNid === room.nid && mayRedact(room.version, event, target.event, lookup) ? target.row.eventId : undefined;
}

/** Transactions whose answers are remembered. */
const MAX_TRANSACTIONS = 10_000;

/** Tips that stay in memory while their rooms are idle. Most share their state with the cache of state groups. */
const MAX_IDLE_BYTES = 16 * 1024 * 1024;
