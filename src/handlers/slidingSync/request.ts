import type { EndSignal } from "../../lib/ending";
import type { StatePattern } from "../../rooms/sliding/requiredState";
import type { Range } from "../../rooms/sliding/ranges";
import type { RoomFilter } from "../../rooms/sliding/roomFilter";
import type { PresenceState } from "../../storage/presence";

/** How much of a room a client wants to have. */
export interface RoomConfig {
  readonly timeline_limit: number;
  readonly required_state: readonly StatePattern[];
}

export interface ListConfig extends RoomConfig {
  /** Absent: all rooms that pass the filter. */
  readonly ranges?: readonly Range[] | null | undefined;
  readonly filters?: RoomFilter | null | undefined;
}

export interface ExtensionConfig {
  readonly enabled?: boolean | null | undefined;
}

/** For which of the rooms an extension is wanted: those of lists and of subscriptions, each by name or `*`. Absent: `*`. */
export interface RoomExtensionConfig extends ExtensionConfig {
  readonly lists?: readonly string[] | null | undefined;
  readonly rooms?: readonly string[] | null | undefined;
}

export interface ToDeviceConfig extends ExtensionConfig {
  readonly since?: string | null | undefined;
  readonly limit?: number | null | undefined;
}

export interface Extensions {
  readonly to_device?: ToDeviceConfig | null | undefined;
  readonly e2ee?: ExtensionConfig | null | undefined;
  readonly account_data?: RoomExtensionConfig | null | undefined;
  readonly receipts?: RoomExtensionConfig | null | undefined;
  readonly typing?: RoomExtensionConfig | null | undefined;
}

/** A request as it came, its shape checked (MSC4186). */
export interface SlidingSyncRequest {
  readonly connId: string;
  /** Of an earlier answer; undefined: the client starts anew. */
  readonly pos: string | undefined;
  readonly txnId: string | undefined;
  readonly timeout: number;
  readonly setPresence: PresenceState;
  readonly lists: ReadonlyMap<string, ListConfig>;
  readonly subscriptions: ReadonlyMap<string, RoomConfig>;
  readonly extensions: Extensions;
  readonly signal: EndSignal;
}
