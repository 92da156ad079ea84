import { setTimeout as sleep } from "node:timers/promises";
import { attempt, v3 } from "../builders/attempt";
import type { Reply } from "../builders/attempt";
import type { Body, TestClient } from "../builders/client";
import type { Seeded } from "../builders/seeded";
import type { History, Operation, Reader, Repetition, SeenEvent } from "./history";

export interface CrewOptions {
  /** The reverse proxy. */
  readonly url: string;
  readonly clients: readonly TestClient[];
  readonly rooms: readonly string[];
  readonly random: Seeded;
  /** How many one-time keys each device has given to the server. */
  readonly keys: number;
}

/** Clients at work, and what they wrote down. */
export interface Crew {
  readonly history: History;
  /** Ends the senders, each after its current operation. */
  finish(): Promise<void>;
  /** Ends everything, also what never succeeds. */
  close(): Promise<void>;
}

const RETRY_MS = 100;
/** Between the operations of all clients together, on average: so many as two cores carry beside the faults. */
const PACE_MS = 25;
const SYNC_MS = 2_000;
const FILTER = JSON.stringify({ room: { timeline: { limit: 1_000 } }, presence: { types: [] } });

const inPath = encodeURIComponent;

export function startCrew(options: CrewOptions): Crew {
  const { url, clients, rooms, random } = options;
  const operations: Operation[] = [];
  const repetitions: Repetition[] = [];
  const refusals: string[] = [];
  const readers: Reader[] = clients.map(({ userId }) => ({
    client: userId,
    rooms: new Map(rooms.map((roomId) => [roomId, []])),
    toDevice: [],
    limited: [],
  }));
  const uploadedKeys = new Map(clients.map(({ userId }) => [userId, Array.from({ length: options.keys }, (_, i) => keyOf(userId, i))]));
  let finishing = false;
  let closing = false;
  let numbers = 0;

  /** Asks until it is done. Gives undefined when the run ends before. */
  async function perform(
    client: TestClient,
    given: Pick<Operation, "what" | "key" | "target">,
    request: () => Promise<Reply>,
    resultOf: (body: Body) => string,
  ): Promise<Operation> {
    const operation: Operation = { ...given, client: client.userId, invoked: performance.now(), unknown: 0 };
    operations.push(operation);
    while (!closing) {
      const { status, body } = await request();
      if (status === 200) {
        operation.result = resultOf(body);
        operation.acknowledged = performance.now();
        return operation;
      }
      if (status === 0 || status >= 500) operation.unknown++;
      else if (status !== 429) {
        refusals.push(`${given.what} ${given.key}: ${status} ${JSON.stringify(body)}`);
        return operation;
      }
      await sleep(RETRY_MS);
    }
    return operation;
  }

  async function say(client: TestClient): Promise<void> {
    const key = `${client.userId} ${numbers++}`;
    const target = random.pick(rooms);
    const path = v3(`/rooms/${inPath(target)}/send/m.room.message/${inPath(key)}`);
    const request = (): Promise<Reply> => attempt(url, client, "PUT", path, { msgtype: "m.text", body: key });
    const operation = await perform(client, { what: "event", key, target }, request, (body) => body.event_id);
    if (operation.acknowledged === undefined || random.fraction() > 0.2) return;
    const { status, body } = await request();
    if (status === 200) repetitions.push({ of: operation, result: body.event_id });
  }

  async function tell(client: TestClient): Promise<void> {
    const key = `${client.userId} ${numbers++}`;
    const other = random.pick(clients);
    const messages = { [other.userId]: { [other.deviceId]: { key } } };
    const request = (): Promise<Reply> => attempt(url, client, "PUT", v3(`/sendToDevice/org.example.test/${inPath(key)}`), { messages });
    await perform(client, { what: "to-device", key, target: other.userId }, request, () => "");
    if (random.fraction() < 0.2) await request();
  }

  async function claim(client: TestClient): Promise<void> {
    const other = random.pick(clients);
    const wanted = { one_time_keys: { [other.userId]: { [other.deviceId]: "signed_curve25519" } } };
    const request = (): Promise<Reply> => attempt(url, client, "POST", v3("/keys/claim"), wanted);
    await perform(client, { what: "claim", key: String(numbers++), target: other.userId }, request, (body) => {
      const [key] = Object.values(body.one_time_keys?.[other.userId]?.[other.deviceId] ?? {}) as { key: string }[];
      return key?.key ?? "none";
    });
  }

  async function note(client: TestClient): Promise<void> {
    const key = String(numbers++);
    const path = v3(`/user/${inPath(client.userId)}/account_data/org.example.test`);
    await perform(
      client,
      { what: "account data", key, target: "" },
      () => attempt(url, client, "PUT", path, { key }),
      () => "",
    );
  }

  async function upload(client: TestClient): Promise<void> {
    const key = `upload ${numbers++}`;
    const request = (): Promise<Reply> => attempt(url, client, "POST", "/_matrix/media/v3/upload", key);
    await perform(client, { what: "upload", key, target: "" }, request, (body) => body.content_uri);
  }

  const tasks = [...Array.from({ length: 12 }, () => say), tell, tell, tell, claim, claim, note, upload];

  /** The first one says nothing: whoever does has read what came before, and is not pushed that any more. */
  async function work(client: TestClient, i: number): Promise<void> {
    while (!finishing) {
      await random.pick(i === 0 ? tasks.filter((task) => task !== say) : tasks)(client);
      await sleep(PACE_MS * clients.length * (0.5 + random.fraction()));
    }
  }

  async function read(client: TestClient, reader: Reader): Promise<void> {
    let since: string | undefined;
    while (!closing) {
      const query = new URLSearchParams({ filter: FILTER, timeout: String(SYNC_MS), ...(since !== undefined && { since }) });
      const { status, body } = await attempt(url, client, "GET", v3(`/sync?${query.toString()}`));
      if (status === 200) {
        since = body.next_batch;
        take(reader, body);
      } else {
        if (status >= 400 && status < 500 && status !== 429) refusals.push(`sync: ${status} ${JSON.stringify(body)}`);
        await sleep(RETRY_MS);
      }
    }
  }

  const senders = clients.map(work);
  const syncs = clients.map((client, i) => read(client, readers[i] as Reader));
  return {
    history: { operations, repetitions, readers, uploadedKeys, refusals },
    async finish() {
      finishing = true;
      await Promise.all(senders);
    },
    async close() {
      finishing = closing = true;
      await Promise.all([...senders, ...syncs]);
    },
  };
}

export const keyOf = (userId: string, i: number): string => `${userId} ${i}`;

export const messagesOf = (events: readonly Body[]): SeenEvent[] =>
  events.filter(({ type }) => type === "m.room.message").map(({ event_id: id, content }) => ({ id, body: content.body }));

function take(reader: Reader, sync: Body): void {
  for (const [roomId, room] of Object.entries<Body>(sync.rooms?.join ?? {})) {
    if (room.timeline.limited) reader.limited.push(roomId);
    reader.rooms.get(roomId)?.push(...messagesOf(room.timeline.events));
  }
  for (const { content } of sync.to_device?.events ?? []) reader.toDevice.push(content.key);
}
