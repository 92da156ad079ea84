import { setTimeout as sleep } from "node:timers/promises";
import { history } from "../../builders/client";
import type { Body } from "../../builders/client";
import { eventually } from "../../builders/eventually";
import { canonicalJson } from "../../../src/lib/canonicalJson";
import { startServers } from "../servers";
import type { Make, Servers } from "../servers";
import { enc, joinVia, roomPath } from "../together";
import { disagreements } from "./agreement";
import type { Said, View } from "./agreement";
import type { Person } from "./crowd";

const OTHERS = 3;

/** Servers with people in the same rooms. */
export interface Stage extends Servers {
  readonly people: readonly Person[];
  /** Those of each server who see everything. */
  readonly keepers: readonly Person[];
  readonly rooms: readonly string[];
}

/** One room for each version, made by the servers in turn, with everybody in it. The first who is no keeper of each server is a moderator. */
export async function openStage(makes: readonly Make[], versions: readonly string[]): Promise<Stage> {
  const network = await startServers(makes);
  try {
    const people: Person[] = [];
    for (const server of network.servers) {
      for (let i = 0; i <= OTHERS; i++)
        people.push({ server, client: await server.user(i === 0 ? "keeper" : "person"), isKeeper: i === 0 });
    }
    const keepers = people.filter(({ isKeeper }) => isKeeper);
    const moderators = people.filter((_, i) => i % (OTHERS + 1) === 1);
    const rooms: string[] = [];
    for (const [i, version] of versions.entries()) {
      const maker = keepers[i % keepers.length] as Person;
      // from version 12 on whoever made the room is above all levels, and must not have one
      const powerful = keepers.filter((keeper) => keeper !== maker || Number(version) < 12);
      const levels = (some: readonly Person[], level: number) => some.map(({ client }) => [client.userId, level]);
      const roomId = await maker.client.createRoom({
        preset: "public_chat",
        room_version: version,
        power_level_content_override: {
          users: Object.fromEntries([...levels(powerful, 100), ...levels(moderators, 50)]),
          events: { "m.room.power_levels": 50 },
        },
      });
      rooms.push(roomId);
      for (const { client, server } of people)
        if (client !== maker.client) await joinVia(server === maker.server ? server : maker.server, client, roomId);
    }
    return { ...network, people, keepers, rooms };
  } catch (error) {
    await network.close().catch(() => undefined);
    throw error;
  }
}

const textOf = ({ type, state_key: key, sender, origin_server_ts: ts, content }: Body): string =>
  canonicalJson({ type, ...(key !== undefined && { key }), sender, ts, content });

/** The room as a keeper's server tells it; without its history where that isn't asked for, as it takes long. */
async function viewOf({ client, server }: Person, roomId: string, wanted: "all" | "state"): Promise<View> {
  const events = wanted === "all" ? await history(client, roomId) : [];
  const [state, records] = await Promise.all([client.ok("GET", `${roomPath(roomId)}/state`) as Promise<Body[]>, server.records(roomId)]);
  return {
    server: server.name,
    state: new Map(state.map((event) => [`${event.type} ${event.state_key}`, `${event.event_id} ${textOf(event)}`])),
    // no client is shown what only ties ends together
    history: events.filter(({ type }) => type !== "org.matrix.dummy_event").map((event) => [event.event_id, textOf(event)] as const),
    records,
  };
}

export async function viewsOf({ keepers }: Stage, roomId: string, wanted: "all" | "state"): Promise<View[]> {
  return Promise.all(keepers.map((keeper) => viewOf(keeper, roomId, wanted)));
}

export interface Settled {
  readonly views: readonly View[];
  /** What they still differ in. */
  readonly problems: readonly string[];
  /** When their states and ends were found to be the same, before all events were read. */
  readonly agreedAt: number;
}

/** For so long servers may go on telling a room differently when nothing happens any more. */
const PATIENCE_MS = 240_000;
const HEARD_MS = 20_000;
/** Every so many rounds histories are read while states still differ. */
const READ_BACK = 4;

/**
 * Keepers say something in turn, which wakes up whoever stopped sending and ties the ends of the room together, until the servers agree on
 * the room, or for as long as patience lasts.
 */
export async function settle(stage: Stage, roomId: string, said: readonly Said[]): Promise<Settled> {
  const end = performance.now() + PATIENCE_MS;
  let agreedAt: number | undefined;
  for (let round = 1; ; round++) {
    for (const keeper of stage.keepers) {
      const eventId = await keeper.client.say(roomId, "is anybody there?");
      await eventually(() => isEverywhere(stage, roomId, eventId), HEARD_MS).catch(() => undefined);
    }
    const late = performance.now() > end;
    // Whoever reads back has gaps filled, and what comes then may redact what stands in the state.
    const wanted = round % READ_BACK === 0 ? "all" : "state";
    const quick = disagreements({ roomId, views: await viewsOf(stage, roomId, wanted), said: [] });
    if (quick.length > 0 && !late) continue;
    agreedAt ??= performance.now();
    const views = await viewsOf(stage, roomId, "all");
    const problems = disagreements({ roomId, views, said });
    if (problems.length === 0 || late) return { views, problems, agreedAt };
  }
}

async function isEverywhere({ keepers }: Stage, roomId: string, eventId: string): Promise<boolean> {
  const path = `${roomPath(roomId)}/event/${enc(eventId)}`;
  const answers = await Promise.all(keepers.map(({ client }) => client.call("GET", path)));
  if (answers.every(({ status }) => status === 200)) return true;
  await sleep(100);
  return false;
}
