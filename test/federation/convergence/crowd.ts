import { setTimeout as sleep } from "node:timers/promises";
import { attempt, v3 } from "../../builders/attempt";
import type { Reply } from "../../builders/attempt";
import type { TestClient } from "../../builders/client";
import { seeded } from "../../builders/seeded";
import type { Seeded } from "../../builders/seeded";
import type { HomeServer } from "../servers";
import { enc } from "../together";
import type { Said } from "./agreement";

/** Somebody who does things in rooms. Nobody acts against keepers, so that they can tell all of their rooms at the end. */
export interface Person {
  readonly server: HomeServer;
  readonly client: TestClient;
  readonly isKeeper: boolean;
}

export interface CrowdOptions {
  readonly seed: number;
  readonly people: readonly Person[];
  readonly rooms: readonly string[];
  readonly paceMs: number;
}

/** People at work, and what came of it. */
export interface Crowd {
  /** Events that were acknowledged, by room. */
  readonly said: ReadonlyMap<string, readonly Said[]>;
  /** How many answers of which status there were, by server and status. */
  readonly answers: ReadonlyMap<string, number>;
  /** Answers that should never come from a server of ours. */
  readonly failures: readonly string[];
  /** Ends it, each after what they do at the moment. */
  finish(): Promise<void>;
}

const RETRY_MS = 500;
/** Events of late that are reacted to or redacted. */
const RECENT = 20;

export function startCrowd({ seed, people, rooms, paceMs }: CrowdOptions): Crowd {
  const said = new Map<string, Said[]>(rooms.map((roomId) => [roomId, []]));
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let finishing = false;
  let numbers = 0;

  interface Turn {
    readonly person: Person;
    readonly random: Seeded;
    readonly roomId: string;
  }

  async function ask({ person: { server, client } }: Turn, method: string, path: string, body?: object): Promise<Reply> {
    const reply = await attempt(server.url, client, method, v3(path), body);
    const key = `${server.name} ${reply.status}`;
    answers.set(key, (answers.get(key) ?? 0) + 1);
    if (server.make === "ours" && reply.status === 500) failures.push(`${method} ${path}: ${JSON.stringify(reply.body)}`);
    return reply;
  }

  const note = ({ person, roomId }: Turn, type: string, { status, body }: Reply): void => {
    if (status === 200) said.get(roomId)?.push({ server: person.server.name, eventId: body.event_id, type });
  };

  /** Under one transaction id until there is an answer. */
  async function insist(turn: Turn, type: string, path: (txnId: string) => string, body: object): Promise<void> {
    const txnId = `n${numbers++}`;
    for (;;) {
      const reply = await ask(turn, "PUT", path(txnId), body);
      note(turn, type, reply);
      if (finishing || (reply.status > 0 && reply.status < 500 && reply.status !== 429)) return;
      await sleep(RETRY_MS);
    }
  }

  const room = ({ roomId }: Turn, rest: string): string => `/rooms/${enc(roomId)}/${rest}`;
  const send = (turn: Turn, type: string, content: object) => insist(turn, type, (txnId) => room(turn, `send/${type}/${txnId}`), content);
  const setState = async (turn: Turn, type: string, content: object, key = ""): Promise<void> =>
    note(turn, type, await ask(turn, "PUT", room(turn, `state/${type}/${enc(key)}`), content));
  const other = ({ random }: Turn): Person => random.pick(people.filter(({ isKeeper }) => !isKeeper));
  const recent = ({ random, roomId }: Turn): string | undefined => {
    const events = said.get(roomId)?.slice(-RECENT) ?? [];
    return events.length > 0 ? random.pick(events).eventId : undefined;
  };
  const against = (what: string) => async (turn: Turn) => {
    await ask(turn, "POST", room(turn, what), { user_id: other(turn).client.userId, reason: `n${numbers++}` });
  };

  const say = (turn: Turn) => send(turn, "m.room.message", { msgtype: "m.text", body: `n${numbers++}` });
  const topic = (turn: Turn) => setState(turn, "m.room.topic", { topic: `n${numbers++}` });
  const name = (turn: Turn) => setState(turn, "m.room.name", { name: `n${numbers++}` });
  const slot = (turn: Turn) => setState(turn, "org.example.slot", { n: numbers++ }, turn.random.pick(["a", "b", "c"]));
  const joinRule = (turn: Turn) => setState(turn, "m.room.join_rules", { join_rule: turn.random.pick(["public", "public", "invite"]) });
  const rename = async (turn: Turn): Promise<void> => {
    await ask(turn, "PUT", `/profile/${enc(turn.person.client.userId)}/displayname`, { displayname: `n${numbers++}` });
  };
  async function react(turn: Turn): Promise<void> {
    const eventId = recent(turn);
    if (eventId === undefined) return;
    await send(turn, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: eventId, key: `n${numbers++}` } });
  }
  async function redact(turn: Turn): Promise<void> {
    const eventId = recent(turn);
    if (eventId !== undefined)
      await insist(turn, "m.room.redaction", (txnId) => room(turn, `redact/${enc(eventId)}/${txnId}`), { reason: `n${numbers++}` });
  }
  async function empower(turn: Turn): Promise<void> {
    const [who, level] = [other(turn).client.userId, turn.random.pick([0, 25, 50, 50, 50])];
    const { status, body } = await ask(turn, "GET", room(turn, "state/m.room.power_levels/"));
    if (status === 200) await setState(turn, "m.room.power_levels", { ...body, users: { ...body.users, [who]: level } });
  }
  const join = async (turn: Turn): Promise<void> => {
    await ask(turn, "POST", `/join/${enc(turn.roomId)}`, {});
  };
  const leave = async (turn: Turn): Promise<void> => {
    if (!turn.person.isKeeper) await ask(turn, "POST", room(turn, "leave"), {});
  };

  const [kick, ban, unban, invite] = [against("kick"), against("ban"), against("unban"), against("invite")];
  const often = [say, say, say, say, say, topic, name, slot, react, redact, join];
  const tasks = [...often, ...often, kick, ban, unban, unban, invite, invite, leave, empower, empower, joinRule, rename];

  async function work(person: Person, i: number): Promise<void> {
    const random = seeded(seed * 1_000 + i);
    await sleep(paceMs * random.fraction());
    while (!finishing) {
      const [task, roomId, pause] = [random.pick(tasks), random.pick(rooms), random.fraction()];
      await task({ person, random, roomId });
      await sleep(paceMs * (0.5 + pause));
    }
  }

  const working = people.map(work);
  return {
    said,
    answers,
    failures,
    async finish() {
      finishing = true;
      await Promise.all(working);
    },
  };
}
