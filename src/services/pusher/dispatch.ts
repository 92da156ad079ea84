import type { RoomMembers } from "../../caches/memberships";
import type { App } from "../../handlers/app";
import { groupBy } from "../../lib/groupBy";
import type { EventStreamRow } from "../../storage/events";
import type { NotificationRow } from "../../storage/notifications";
import { classOutcomes, userOutcomes } from "../../storage/pushOutcomes";
import type { ClassOutcome, UserOutcome } from "../../storage/pushOutcomes";
import type { StreamRow } from "../../storage/streamIds";
import { eventsStream } from "../../streams/events";
import { createPause } from "../pause";

export type DispatchApp = Pick<App, "background" | "caches" | "db" | "log" | "push" | "streams">;

/** The users whose pushers are here. */
export interface Targets {
  readonly users: ReadonlyMap<string, unknown>;
  notify(userId: string, row: NotificationRow): void;
  /** Events went by that nobody looked at. */
  fallBehind(): void;
}

export interface Dispatch {
  /** All events up to here have been looked at. */
  seen(): number;
  stop(): Promise<void>;
}

type Heard = StreamRow<Pick<EventStreamRow, "nid" | "roomNid" | "roomId" | "sender" | "stateKey" | "membership">>;

/** Events that wait to be looked at. */
const MAX_HEARD = 5_000;
const AT_ONCE = 500;
const TROUBLE_MS = 1_000;

/** Tells the pushers which new events notify their users: two statements for all that came in meanwhile, none for rooms without any. */
export function dispatchEvents(app: DispatchApp, targets: Targets): Dispatch {
  let heard: Heard[] = [];
  let newest = app.streams.position(eventsStream);
  let seen = newest;
  let running: Promise<void> | undefined;
  let isStopped = false;
  const pause = createPause();

  async function run(): Promise<void> {
    while (heard.length > 0 && !isStopped) {
      const [upTo, batch] = [newest, heard.slice(0, AT_ONCE)];
      heard = heard.slice(AT_ONCE);
      try {
        await dispatch(app, targets, batch);
        seen = heard.length > 0 ? (batch.at(-1)?.id ?? seen) : upTo;
      } catch (error) {
        heard = [...batch, ...heard];
        app.log("synapse.push.pusherpool").error("cannot look up whom events notify", { error });
        await pause.wait(TROUBLE_MS);
      }
    }
  }

  function hear(rows: readonly StreamRow<EventStreamRow>[], position: number): void {
    newest = position;
    if (targets.users.size > 0) {
      // The rows at hand are kept: the stream has not moved past them yet, so that whoever falls behind would not read them.
      if (heard.length + rows.length > MAX_HEARD) {
        heard = [];
        targets.fallBehind();
      }
      for (const { id, row } of rows) {
        const { nid, roomNid, roomId, sender, stateKey, membership } = row;
        heard.push({ id, row: { nid, roomNid, roomId, sender, stateKey, membership } });
      }
    }
    if (running) return;
    if (heard.length === 0) seen = newest;
    else start();
  }

  function start(): void {
    running = new Promise((resolve) => {
      app.background("pusher_dispatch", async () => {
        await run();
        running = undefined;
        resolve();
        if (heard.length > 0 && !isStopped) start();
      });
    });
  }

  const unsubscribe = app.streams.subscribe(eventsStream, hear);
  return {
    seen: () => seen,
    async stop() {
      unsubscribe();
      isStopped = true;
      pause.close();
      await running;
    },
  };
}

interface Concern {
  readonly event: Heard;
  readonly joined: readonly string[];
  /** Who is invited by the event. */
  readonly invitee: string | undefined;
}

async function dispatch(app: DispatchApp, targets: Targets, events: readonly Heard[]): Promise<void> {
  const rooms = await app.caches.memberships.ofRooms([...new Set(events.map(({ row }) => row.roomNid))]);
  const concerns = events.map((event) => concernOf(event, rooms.get(event.row.roomNid), targets));
  const wanted = concerns.filter(({ joined, invitee }) => joined.length > 0 || invitee !== undefined);
  if (wanted.length === 0) return;
  const roomNids = wanted.map(({ event }) => event.row.roomNid);
  const positions = wanted.map(({ event }) => event.id);
  const [classes, users] = await Promise.all([classOutcomes(app.db, roomNids, positions), userOutcomes(app.db, roomNids, positions)]);
  const ofClasses = groupBy(classes, ({ streamOrdering }) => streamOrdering);
  const ofUsers = groupBy(users, ({ streamOrdering }) => streamOrdering);
  for (const concern of wanted) {
    await deliver(app, targets, concern, { classes: ofClasses.get(concern.event.id) ?? [], users: ofUsers.get(concern.event.id) ?? [] });
  }
}

/** Goes through whichever are fewer: members of the room, or users with pushers. */
function concernOf(event: Heard, members: RoomMembers | undefined, { users }: Targets): Concern {
  const { sender, stateKey, membership } = event.row;
  const local: ReadonlyMap<string, unknown> = members?.local ?? new Map();
  const [fewer, others] = local.size < users.size ? [local, users] : [users, local];
  const joined = [...fewer.keys()].filter((userId) => userId !== sender && others.has(userId));
  const isInvited = membership === "invite" && stateKey !== null && users.has(stateKey) && !local.has(stateKey);
  return { event, joined, invitee: isInvited ? stateKey : undefined };
}

interface Outcomes {
  readonly classes: readonly ClassOutcome[];
  readonly users: readonly UserOutcome[];
}

async function deliver({ push }: DispatchApp, targets: Targets, concern: Concern, outcomes: Outcomes): Promise<void> {
  const { event, joined, invitee } = concern;
  if (!outcomes.classes.some(({ notifies }) => notifies) && !outcomes.users.some(({ notifies }) => notifies)) return;
  const single = new Map(outcomes.users.map((outcome) => [outcome.userId, outcome]));
  const shared = new Map(outcomes.classes.map((outcome) => [outcome.classId, outcome]));
  const histories = shared.size > 0 ? await Promise.all(joined.map((userId) => push.rules.classes(userId))) : [];
  const tell = (userId: string, outcome: ClassOutcome | UserOutcome | undefined): void => {
    if (!outcome?.notifies) return;
    const { threadId, actions } = outcome;
    targets.notify(userId, { roomNid: event.row.roomNid, nid: event.row.nid, streamOrdering: event.id, threadId, actions });
  };
  joined.forEach((userId, i) => {
    const classId = histories[i]?.at(event.row.roomId, event.id) ?? 0;
    tell(userId, single.get(userId) ?? shared.get(classId) ?? shared.get(0));
  });
  if (invitee !== undefined) tell(invitee, single.get(invitee));
}
