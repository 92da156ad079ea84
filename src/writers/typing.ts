import type { Clock } from "../lib/clock";
import { createDeadlines } from "../lib/deadlines";
import type { StreamDef } from "../streams/defineStream";
import { typingStream } from "../streams/typing";

/** A user starts or goes on typing for so many ms, or stops (0). */
export interface TypingChange {
  readonly roomId: string;
  readonly userId: string;
  readonly timeoutMs: number;
}

export interface TypingWriterDeps {
  readonly clock: Pick<Clock, "now">;
  readonly streams: {
    append<Row>(stream: StreamDef<Row>, rows: readonly Row[]): number;
    provide<Row>(stream: StreamDef<Row>, snapshot: () => readonly Row[]): void;
  };
}

interface Typist {
  expiresTs: number;
  /** When the room was last told. */
  toldTs: number;
}

const TICK_MS = 500;
/** Other servers forget who types after 60 s, so it is said again before. */
const REPEAT_MS = 40_000;

/** The one owner of typing: who types where, and until when. */
export class TypingWriter {
  private readonly rooms = new Map<string, Map<string, Typist>>();
  private readonly deadlines = createDeadlines(TICK_MS);
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: TypingWriterDeps) {
    deps.streams.provide(typingStream, () => Array.from(this.rooms.keys(), (roomId) => this.row(roomId)));
  }

  /** Gives the position of the stream that includes the changes. */
  set(changes: readonly TypingChange[]): number {
    const now = this.deps.clock.now();
    const news = new Set<string>();
    for (const change of changes) if (this.apply(change, now)) news.add(change.roomId);
    for (const { roomId } of changes) this.schedule(roomId);
    return this.tell(news);
  }

  /** Ends what has expired. Runs by itself while anybody types. */
  tick(): void {
    const now = this.deps.clock.now();
    const news = new Set<string>();
    for (const roomId of this.deadlines.due(now)) {
      for (const [userId, typist] of this.rooms.get(roomId) ?? []) {
        if (typist.expiresTs <= now && this.apply({ roomId, userId, timeoutMs: 0 }, now)) news.add(roomId);
      }
      this.schedule(roomId);
    }
    this.tell(news);
  }

  /** Another process is the owner from now on, or this one stops. */
  resign(): void {
    for (const roomId of this.rooms.keys()) this.deadlines.set(roomId, undefined);
    this.rooms.clear();
    this.rest();
  }

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Whether the room must hear of it. */
  private apply({ roomId, userId, timeoutMs }: TypingChange, now: number): boolean {
    const typists = this.rooms.get(roomId);
    if (timeoutMs <= 0) {
      const stopped = typists?.delete(userId) ?? false;
      if (typists?.size === 0) this.rooms.delete(roomId);
      return stopped;
    }
    const known = typists?.get(userId);
    const expiresTs = now + timeoutMs;
    if (known) {
      known.expiresTs = expiresTs;
      if (now - known.toldTs < REPEAT_MS) return false;
      known.toldTs = now;
      return true;
    }
    const typist = { expiresTs, toldTs: now };
    if (typists) typists.set(userId, typist);
    else this.rooms.set(roomId, new Map([[userId, typist]]));
    return true;
  }

  private schedule(roomId: string): void {
    const typists = this.rooms.get(roomId);
    this.deadlines.set(roomId, typists && Math.min(...Array.from(typists.values(), (typist) => typist.expiresTs)));
    if (this.deadlines.size === 0) this.rest();
    else this.timer ??= setInterval(() => this.tick(), TICK_MS).unref();
  }

  private row(roomId: string): { roomId: string; users: string[] } {
    return { roomId, users: [...(this.rooms.get(roomId)?.keys() ?? [])] };
  }

  private tell(roomIds: ReadonlySet<string>): number {
    return this.deps.streams.append(
      typingStream,
      Array.from(roomIds, (roomId) => this.row(roomId)),
    );
  }
}
