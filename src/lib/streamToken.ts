/** Positions of the streams that a sync token holds. */
export interface StreamToken {
  readonly events: number;
  readonly presence: number;
  readonly typing: number;
  readonly receipts: number;
  readonly account_data: number;
  readonly push_rules: number;
  readonly to_device: number;
  readonly device_lists: number;
  readonly un_partial_stated_room: number;
}

/** A place in the history of a room: just after the event of that depth and position. */
export interface TopologicalToken {
  readonly depth: number;
  readonly streamOrdering: number;
}

/** Null: what Synapse has at that place does not exist here. */
const FIELDS = [
  "events",
  "presence",
  "typing",
  "receipts",
  "account_data",
  "push_rules",
  "to_device",
  "device_lists",
  null,
  "un_partial_stated_room",
] as const;

/** `s<events>_<presence>_...`: Synapse's form, so that scripts which look into tokens go on to work. */
export function formatToken(token: StreamToken): string {
  return `s${FIELDS.map((field) => (field === null ? 0 : token[field])).join("_")}`;
}

/** Undefined for what is no token. A short one, of an older form, has zeros for what it lacks. */
export function parseToken(text: string): StreamToken | undefined {
  const match = /^s(\d+)((?:_\d+)*)$/.exec(text);
  if (!match) return undefined;
  const numbers = [match[1] ?? "", ...(match[2] ?? "").split("_").slice(1)].map(Number);
  if (numbers.some((n) => !Number.isSafeInteger(n))) return undefined;
  return Object.fromEntries(FIELDS.flatMap((field, i) => (field === null ? [] : [[field, numbers[i] ?? 0]]))) as unknown as StreamToken;
}

/** `t<depth>-<position>`: where a page of history starts or ends. */
export function formatTopological({ depth, streamOrdering }: TopologicalToken): string {
  return `t${depth}-${streamOrdering}`;
}

/** Where a page that goes back begins so that it leaves out what is at the place itself. */
export const justBefore = ({ depth, streamOrdering }: TopologicalToken): TopologicalToken => ({
  depth,
  streamOrdering: streamOrdering - 1,
});

/** Accepts what follows in Synapse's tokens and drops it. */
export function parseTopological(text: string): TopologicalToken | undefined {
  const match = /^t(\d+)-(-?\d+)(?:_.*)?$/.exec(text);
  if (!match) return undefined;
  const [depth, streamOrdering] = [Number(match[1]), Number(match[2])];
  return Number.isSafeInteger(depth) && Number.isSafeInteger(streamOrdering) ? { depth, streamOrdering } : undefined;
}
