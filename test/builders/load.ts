import { history } from "./client";
import type { TestClient } from "./client";

/** A sender in a room. It sends numbered messages one after another, each again and again until the server has acknowledged it. */
export interface Sender {
  readonly client: TestClient;
  readonly roomId: string;
  /** Event ids of the acknowledged messages; the index is the number. */
  readonly acknowledged: readonly string[];
  /** Attempts that failed, by cause. */
  readonly failures: ReadonlyMap<string, number>;
}

export interface Load {
  readonly senders: readonly Sender[];
  /** Moves senders to another process. */
  redirect(url: string): void;
  /** How many messages were acknowledged in all. */
  count(): number;
  /** Lets every sender finish its current message. */
  stop(): Promise<void>;
  /** Ends senders whose server is gone for good. */
  abandon(): void;
}

const PAUSE_MS = 50;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts one sender for each pair, all at once. Refusals (4xx but 429) end the load: nothing that it does may be refused. */
export function startLoad(pairs: readonly { readonly client: TestClient; readonly roomId: string }[]): Load {
  let stopping = false;
  let abandoned = false;
  let target: string | undefined;
  const senders = pairs.map(({ client, roomId }) => ({
    client,
    roomId,
    acknowledged: [] as string[],
    failures: new Map<string, number>(),
  }));

  async function attempt(sender: (typeof senders)[number], number: number): Promise<string | undefined> {
    const client = target === undefined ? sender.client : sender.client.on(target);
    const path = `/rooms/${encodeURIComponent(sender.roomId)}/send/m.room.message/${txnOf(sender.roomId, number)}`;
    const answer = await client.call("PUT", path, { msgtype: "m.text", body: String(number) }).catch((error: unknown) => {
      const { cause } = error as { cause?: { code?: string } };
      return { status: 0, body: { errcode: cause?.code } };
    });
    if (answer.status === 200) return answer.body.event_id;
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 429)
      throw new Error(`refused: ${answer.status} ${JSON.stringify(answer.body)}`);
    const reason = `${answer.status} ${answer.body.errcode}`;
    sender.failures.set(reason, (sender.failures.get(reason) ?? 0) + 1);
    return undefined;
  }

  async function run(sender: (typeof senders)[number]): Promise<void> {
    while (!stopping) {
      const number = sender.acknowledged.length;
      while (!abandoned) {
        const eventId = await attempt(sender, number);
        if (eventId !== undefined) {
          sender.acknowledged.push(eventId);
          break;
        }
        await pause(PAUSE_MS);
      }
    }
  }

  const ended = Promise.all(senders.map(run));
  // A refusal is for stop() to tell.
  ended.catch(() => (stopping = true));
  return {
    senders,
    redirect: (url) => void (target = url),
    count: () => senders.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0),
    async stop() {
      stopping = true;
      await ended;
    },
    abandon: () => void (stopping = abandoned = true),
  };
}

const txnOf = (roomId: string, number: number): string => encodeURIComponent(`${roomId}-${number}`);

/** Every acknowledged message is in its room exactly once and in order, and to send one again changes nothing. Read at a URL. */
export async function expectNothingLost(load: Load, url: string): Promise<void> {
  for (const sender of load.senders) {
    const client = sender.client.on(url);
    const events = await history(client, sender.roomId);
    const own = events.filter((event) => event.type === "m.room.message" && event.sender === client.userId);
    expect(own.map((event) => event.event_id)).toEqual(sender.acknowledged);
    expect(own.map((event) => event.content.body)).toEqual(sender.acknowledged.map((_, number) => String(number)));
    const last = sender.acknowledged.length - 1;
    for (const number of new Set([0, Math.floor(last / 2), last])) {
      const path = `/rooms/${encodeURIComponent(sender.roomId)}/send/m.room.message/${txnOf(sender.roomId, number)}`;
      const again = await client.ok("PUT", path, { msgtype: "m.text", body: String(number) });
      expect(again.event_id).toBe(sender.acknowledged[number]);
    }
  }
}
