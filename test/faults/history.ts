/** Something that a client asked for again and again until it was done. Times are milliseconds of one clock. */
export interface Operation {
  readonly client: string;
  readonly what: "event" | "to-device" | "claim" | "account data" | "upload";
  /** What tells it apart: the text of a message, the number of a claim ... */
  readonly key: string;
  /** A room, a device. */
  readonly target: string;
  readonly invoked: number;
  /** Absent while it is under way, and for what failed for good. */
  acknowledged?: number;
  /** An event id, a key, a media id. */
  result?: string;
  /** Attempts without an answer, any of which may have been carried out. */
  unknown: number;
}

/** An operation that was asked for once more after it was acknowledged, under the same transaction id. */
export interface Repetition {
  readonly of: Operation;
  readonly result: string;
}

export interface SeenEvent {
  readonly id: string;
  readonly body: string;
}

/** What one client has taken in, answer by answer. Answers that never arrived are not in it. */
export interface Reader {
  readonly client: string;
  /** By room, in the order in which the events came. */
  readonly rooms: Map<string, SeenEvent[]>;
  readonly toDevice: string[];
  /** Rooms of which an answer said that it leaves out a part of the timeline. */
  readonly limited: string[];
}

export interface History {
  readonly operations: Operation[];
  readonly repetitions: Repetition[];
  readonly readers: readonly Reader[];
  /** One-time keys that devices gave to the server, by device. */
  readonly uploadedKeys: ReadonlyMap<string, readonly string[]>;
  /** Answers that no fault explains, such as refusals. */
  readonly refusals: string[];
}

/** What the server says at the end, when nothing is broken any more. */
export interface Outcome {
  /** For each reading of a room, by whichever process: its messages from the first to the last. */
  readonly rooms: ReadonlyMap<string, readonly (readonly SeenEvent[])[]>;
  /** One-time keys that are left, by device. */
  readonly keysLeft: ReadonlyMap<string, number>;
  /** By client, for each reading. */
  readonly accountData: ReadonlyMap<string, readonly string[]>;
  /** Uploads whose contents came back otherwise than they were. */
  readonly spoiltUploads: readonly string[];
  /** Who else has to hear of the messages in some rooms, and the messages that came there. */
  readonly deliveries: readonly Delivery[];
}

export interface Delivery {
  /** Another server, or a push gateway with its user, who isn't told of messages of their own. */
  readonly to: string;
  readonly rooms: ReadonlySet<string>;
  readonly bodies: ReadonlySet<string>;
  /** Asks by itself for what came before an event: after a failure a server is sent the newest of each room alone. */
  readonly fetchesMissing: boolean;
}
