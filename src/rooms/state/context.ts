import type { RoomEvent } from "../event";

/** How the resolver sees the events of a room. It reads what the caller has loaded, and says what else it wants. */
export interface ResolveContext {
  /** The event; undefined when it is not loaded, null when it cannot be had and resolution has to do without it. */
  event(eventId: string): RoomEvent | null | undefined;
  /** The ids in `auth_events`, where the caller knows them without loading the event. */
  authEventIds?(eventId: string): readonly string[] | undefined;
  /** Whether the event was rejected: such events may be conflicted state, but authorise nothing. */
  rejected?(eventId: string): boolean;
}

/** Reads a context and remembers what was missing. */
export class Reader {
  readonly missing = new Set<string>();

  constructor(private readonly context: ResolveContext) {}

  /** Undefined when it is missing or cannot be had. */
  event(eventId: string): RoomEvent | undefined {
    const event = this.context.event(eventId);
    if (event === undefined) this.missing.add(eventId);
    return event ?? undefined;
  }

  authEventIds(eventId: string): readonly string[] {
    return this.context.authEventIds?.(eventId) ?? this.event(eventId)?.authEvents ?? [];
  }

  rejected(eventId: string): boolean {
    return this.context.rejected?.(eventId) ?? false;
  }

  /** The auth event of that kind that an event cites, rejected or not. */
  cited(event: RoomEvent, type: string, stateKey: string): RoomEvent | undefined {
    for (const eventId of event.authEvents) {
      const auth = this.event(eventId);
      if (auth?.type === type && auth.stateKey === stateKey) return auth;
    }
    return undefined;
  }

  /** The create event of the event's room: cited up to version 11, named by the room id in version 12. */
  createOf(event: RoomEvent): RoomEvent | undefined {
    if (event.version.roomIds === "createHash") return this.event(`$${event.roomId.slice(1)}`);
    return this.cited(event, "m.room.create", "");
  }
}

/** Runs in slices: yields whenever about a few milliseconds of work are done. Returns the result, or null when the reader misses events. */
export type Steps<T> = Generator<void, T | null>;

/** Says true every `size`-th time: when to yield. */
export function every(size: number): () => boolean {
  let count = 0;
  return () => ++count % size === 0;
}
