import type { Caches } from "../caches/caches";
import { StoredEvent } from "../caches/events";
import type { RoomInfo } from "../caches/rooms";
import type { Clock } from "../lib/clock";
import { parseLosslessJson } from "../lib/jsonLossless";
import type { Random } from "../lib/random";
import { mayRedact } from "../rooms/auth/redaction";
import type { Pdu, RoomEvent, SigningKey } from "../rooms/event";
import { parseEvent } from "../rooms/parseEvent";
import { roomVersion } from "../rooms/versions";
import type { Database } from "../storage/db";
import { advance, buildOnTip, loadInputs, pairKey, refusal, sameState } from "./buildOnTip";
import type { BuildInputs, BuiltOnTip } from "./buildOnTip";
import { createFlusher } from "./flusher";
import type { Flusher, Queued } from "./flusher";
import type { PushPersister } from "./flush";
import { createIdBlock } from "./idBlocks";
import type { NewRoomIntent, SendIntent, SendOutcome } from "./intents";
import { loadTip, newTip } from "./roomTip";
import type { RoomTip } from "./roomTip";
import type { EventStreamRow } from "../storage/events";
import type { StreamRow } from "../streams/defineStream";

export interface RoomWriterDeps {
  readonly db: Database;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly random: Random;
  readonly signingKey: SigningKey;
  readonly serverName: string;
  /** Late: push rules read what the writer's process knows. */
  readonly push: () => PushPersister | undefined;
  readonly publish: (rows: readonly StreamRow<EventStreamRow>[]) => void;
}

/** The owner of rooms: builds their events one after another in memory and stores many rooms' events in one transaction. */
export interface RoomWriter {
  /** Outcomes parallel to the intents. Refusals are values; a throw means that the database could not store the events. */
  submit(intents: readonly SendIntent[]): Promise<SendOutcome[]>;
  create(intent: NewRoomIntent): Promise<SendOutcome[]>;
  /** Waits until everything submitted is stored or refused. */
  drain(): Promise<void>;
}

/** More waiting events than this in one room, and senders are told to slow down. */
const MAX_QUEUE = 1000;

interface Job {
  readonly intent: SendIntent;
  readonly resolve: (outcome: SendOutcome) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

interface RoomWork {
  readonly roomId: string;
  queue: Job[];
  running: boolean;
  tip: RoomTip | undefined;
}

type Build = BuiltOnTip | { readonly refused: ReturnType<typeof refusal> };

export function createRoomWriter(deps: RoomWriterDeps): RoomWriter {
  const { db, caches, clock, random, signingKey } = deps;
  const rooms = new Map<string, RoomWork>();
  const eventIds = createIdBlock(db, "events_nid_seq");
  const groupIds = createIdBlock(db, "state_groups_seq");
  const roomIds = createIdBlock(db, "rooms_nid_seq");
  const flusher: Flusher<Job> = createFlusher(deps, { retry, settled });

  function workOf(roomId: string): RoomWork {
    let work = rooms.get(roomId);
    if (!work) rooms.set(roomId, (work = { roomId, queue: [], running: false, tip: undefined }));
    return work;
  }

  /** A flush failed: everything of these rooms that is not stored is built anew, on tips read from the database. */
  function retry(jobs: readonly Job[], roomId: string): void {
    const work = workOf(roomId);
    work.tip = undefined;
    work.queue = [...jobs, ...work.queue];
    start(work);
  }

  /** Nothing of the room is waiting any more: its tip may leave memory when there are too many. */
  function settled(roomId: string): void {
    if (rooms.size <= MAX_IDLE_ROOMS) return;
    const work = rooms.get(roomId);
    if (work && !work.running && work.queue.length === 0) rooms.delete(roomId);
  }

  function start(work: RoomWork): void {
    if (work.running) return;
    work.running = true;
    void run(work).finally(() => {
      work.running = false;
      if (work.queue.length > 0) start(work);
    });
  }

  async function run(work: RoomWork): Promise<void> {
    for (let job = work.queue.shift(); job; job = work.queue.shift()) {
      try {
        await build(work, job);
      } catch (error) {
        work.tip = undefined;
        job.reject(error);
      }
    }
  }

  async function tipOf(work: RoomWork): Promise<RoomTip | undefined> {
    if (work.tip) return work.tip;
    const room = await caches.rooms.byId(work.roomId);
    work.tip = room && (await loadTip(db, caches, room));
    return work.tip;
  }

  const contextOf = (): Parameters<typeof buildOnTip>[3] => ({
    key: signingKey,
    now: clock.now(),
    nid: eventIds.take(),
    groupId: () => groupIds.take(),
    opaqueId: () => `$${random.letters(32)}:${deps.serverName}`,
  });

  async function build(work: RoomWork, job: Job): Promise<void> {
    const { intent } = job;
    const tip = await tipOf(work);
    if (!tip) return job.resolve({ refused: refusal(404, "M_NOT_FOUND", "Unknown room") });
    const [inputs, target] = await Promise.all([
      loadInputs(caches, tip, intent, flusher.pending),
      intent.redacts === null ? undefined : caches.events.byId(intent.redacts),
      eventIds.ensure(1),
      groupIds.ensure(1),
    ]);
    const same = sameState(intent, inputs);
    if (same) return void flusher.whenStored(same, job);
    const built = buildOnTip(tip, intent, inputs, contextOf());
    if ("refused" in built) return job.resolve({ refused: built.refused });
    work.tip = built.tip;
    flusher.add(queued(built, job, inputs, target));
  }

  function queued(built: BuiltOnTip, job: Job, inputs: BuildInputs, target: StoredEvent | undefined): Queued<Job> {
    const { room } = built.tip;
    const lookup = (type: string, key: string): RoomEvent | undefined => inputs.state.get(pairKey(type, key))?.event;
    const redacts =
      target && target.row.roomNid === room.nid && mayRedact(room.version, built.event, target.event, lookup)
        ? target.row.eventId
        : undefined;
    return { job, roomId: room.roomId, event: { built, intent: job.intent, receivedTs: clock.now(), newRoom: undefined, redacts } };
  }

  function submit(intents: readonly SendIntent[]): Promise<SendOutcome[]> {
    return Promise.all(
      intents.map(
        (intent) =>
          new Promise<SendOutcome>((resolve, reject) => {
            const work = workOf(intent.roomId);
            if (work.queue.length >= MAX_QUEUE) {
              return resolve({ refused: refusal(429, "M_LIMIT_EXCEEDED", "Too many events are waiting in this room", { retry_after_ms: 1000 }) });
            }
            work.queue.push({ intent, resolve, reject, attempts: 0 });
            start(work);
          }),
      ),
    );
  }

  /** Builds a whole new room in memory; stores it only if every event passes. */
  async function create(intent: NewRoomIntent): Promise<SendOutcome[]> {
    const version = roomVersion(intent.version);
    if (!version) return [{ refused: refusal(400, "M_UNSUPPORTED_ROOM_VERSION", `Room version ${intent.version} is not supported`) }];
    if (await caches.rooms.byId(intent.roomId)) return [{ refused: refusal(409, "M_UNKNOWN", "There is a room of this id already") }];
    const count = intent.events.length + 1;
    await Promise.all([roomIds.ensure(1), eventIds.ensure(count), groupIds.ensure(count)]);
    const room: RoomInfo = { nid: roomIds.take(), roomId: intent.roomId, version, creator: intent.creator };
    const builds = await buildRoom(room, intent);
    const refused = builds.find((build) => "refused" in build);
    if (refused) return [refused as { refused: ReturnType<typeof refusal> }];
    const work = workOf(room.roomId);
    work.tip = (builds.at(-1) as BuiltOnTip).tip;
    const newRoom = { creator: intent.creator, isPublic: intent.isPublic };
    const outcomes = await flusher.addRoom(
      builds.map((build, i) => ({
        built: build as BuiltOnTip,
        intent: intent.events[i - 1] ?? { deviceId: null, txnId: null },
        receivedTs: clock.now(),
        newRoom: i === 0 ? newRoom : undefined,
        redacts: undefined,
      })),
    );
    caches.rooms.add(room);
    return outcomes;
  }

  async function buildRoom(room: RoomInfo, intent: NewRoomIntent): Promise<Build[]> {
    const pending = new Map<number, StoredEvent>();
    const builds: Build[] = [];
    const keep = (build: BuiltOnTip): void => {
      pending.set(build.nid, flusher.unstored(build));
      builds.push(build);
    };
    const event = parseEvent(room.version, parseLosslessJson(intent.createEvent) as Pdu);
    const [keyNid] = await caches.stateKeys.intern([["m.room.create", ""]]);
    keep(advance(newTip(room), { event, json: intent.createEvent }, { state: new Map(), keyNid }, contextOf()));
    // All keys in one query; what follows finds them in memory.
    await caches.stateKeys.intern(intent.events.flatMap((e) => (e.stateKey === null ? [] : [[e.type, e.stateKey] as const])));
    for (const send of intent.events) {
      const last = builds.at(-1) as BuiltOnTip;
      const inputs = await loadInputs(caches, last.tip, send, pending);
      const build = buildOnTip(last.tip, send, inputs, contextOf());
      if ("refused" in build) return [build];
      keep(build);
    }
    return builds;
  }

  return { submit, create, drain: () => flusher.drain() };
}

/** Rooms whose tips stay in memory while idle. */
const MAX_IDLE_ROOMS = 10_000;
