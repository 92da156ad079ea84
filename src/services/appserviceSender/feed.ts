import { createRecentRows } from "../../caches/recentRows";
import type { RecentRows } from "../../caches/recentRows";
import type { App } from "../../handlers/app";
import type { PresenceRow } from "../../storage/presence";
import type { StreamRow } from "../../storage/streamIds";
import type { StreamDef } from "../../streams/defineStream";
import { presenceStream } from "../../streams/presence";
import { typingStream } from "../../streams/typing";

type FeedApp = Pick<App, "db" | "streams">;

/** Rows of a stream for consumers that stand at different places in it: those close behind are served out of memory. */
export interface Feed<Row> {
  /** Rows after `from`, in order, and up to where these are all. */
  after(from: number): Promise<{ readonly rows: readonly StreamRow<Row>[]; readonly upTo: number }>;
  head(): number;
  stop(): void;
}

const REMEMBERED = 5_000;
/** Ids read at once by who is far behind. */
const PAGE = 2_000;

export function createFeed<Row>({ db, streams }: FeedApp, stream: StreamDef<Row>, onNews: () => void): Feed<Row> {
  const recent: RecentRows<{ streamId: number; row: Row }> = createRecentRows(() => streams.position(stream), REMEMBERED);
  // Told before the position moves: what is remembered begins where the stream stands now.
  recent.after(0);
  const stop = streams.subscribe(stream, (rows) => {
    for (const { id, row } of rows) recent.push("", { streamId: id, row });
    onNews();
  });
  return {
    async after(from) {
      const head = streams.position(stream);
      const known = recent.after(from);
      if (known) {
        const rows = known.slice(0, PAGE).map(({ streamId, row }) => ({ id: streamId, row }));
        return { rows, upTo: known.length > PAGE ? (rows.at(-1)?.id ?? head) : Math.max(head, rows.at(-1)?.id ?? 0) };
      }
      const upTo = Math.min(head, from + PAGE);
      return { rows: (await stream.catchUp?.(db, from, upTo)) ?? [], upTo };
    },
    head: () => streams.position(stream),
    stop,
  };
}

/** What is worth telling only while it is new: who types now, who is present. Each of the newest word only. */
export interface Passing {
  readonly typing: Map<string, readonly string[]>;
  readonly presence: Map<string, PresenceRow>;
}

const MAX_PASSING = 1_000;

export const noPassing = (): Passing => ({ typing: new Map(), presence: new Map() });

function note<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_PASSING) return;
  for (const oldest of map.keys()) return void map.delete(oldest);
}

/** Notes for each of `listeners`, which come and go, what passes by. */
export function followPassing({ streams }: FeedApp, listeners: () => Iterable<Passing>, onNews: () => void): () => void {
  const stops = [
    streams.subscribe(typingStream, (rows) => {
      for (const { typing } of listeners()) for (const { row } of rows) note(typing, row.roomId, row.users as string[]);
      onNews();
    }),
    streams.subscribe(presenceStream, (rows, _, { reset }) => {
      if (reset) return;
      for (const { presence } of listeners()) for (const { row } of rows) note(presence, row.userId, row);
      onNews();
    }),
  ];
  return () => stops.forEach((stop) => stop());
}
