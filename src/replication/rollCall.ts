import type { Random } from "../lib/random";
import type { Bus } from "./bus";

export interface RollCallOptions {
  readonly bus: Bus;
  readonly channel: string;
  readonly random: Random;
  /** What this process says of itself when somebody asks; a process that only asks has nothing to say. */
  readonly describe?: () => Promise<object>;
}

/** Asks all processes of the server for a word about themselves, over the bus: not all of them can be reached otherwise. */
export interface RollCall {
  /**
   * The answers of the others, as they were sent. Resolves once `count` have come, or when whoever did not answer within timeoutMs is
   * dead, frozen, or without Redis.
   */
  ask(count: number, timeoutMs: number): Promise<unknown[]>;
  close(): void;
}

interface Message {
  readonly ask?: string;
  readonly to?: string;
  readonly answer?: unknown;
}

/** What is not a message of ours is nobody's business. */
function parseMessage(text: string): Message {
  try {
    return (JSON.parse(text) as Message | null) ?? {};
  } catch {
    return {};
  }
}

export function createRollCall({ bus, channel, random, describe }: RollCallOptions): RollCall {
  const open = new Map<string, (answer: unknown) => void>();
  const reply = async (to: string, say: () => Promise<object>): Promise<void> => {
    const answer = await say().catch(() => undefined);
    if (answer !== undefined) bus.publish(channel, JSON.stringify({ to, answer }));
  };
  const stop = bus.subscribe(channel, (text) => {
    const { ask, to, answer } = parseMessage(text);
    if (typeof to === "string") open.get(to)?.(answer);
    if (typeof ask === "string" && describe) void reply(ask, describe);
  });
  return {
    ask(count, timeoutMs) {
      if (count <= 0) return Promise.resolve([]);
      const id = random.letters(12);
      const answers: unknown[] = [];
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          open.delete(id);
          resolve(answers);
        };
        const timer = setTimeout(end, timeoutMs);
        open.set(id, (answer) => {
          answers.push(answer);
          if (answers.length >= count) end();
        });
        bus.publish(channel, JSON.stringify({ ask: id }));
      });
    },
    close: stop,
  };
}
