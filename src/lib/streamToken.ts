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

/** `s<events>_<presence>_...`: Synapse's form, so that scripts which look into tokens go on to work. The 0 stands for what does not exist here. */
export function formatToken(token: StreamToken): string {
  const { events, presence, typing, receipts, account_data, push_rules, to_device, device_lists, un_partial_stated_room } = token;
  return `s${events}_${presence}_${typing}_${receipts}_${account_data}_${push_rules}_${to_device}_${device_lists}_0_${un_partial_stated_room}`;
}

/** Undefined for what is no token. A short one, of an older form, has zeros for what it lacks. Each sync begins with it, so it is plain. */
export function parseToken(text: string): StreamToken | undefined {
  if (!/^s\d+(?:_\d+)*$/.test(text)) return undefined;
  const numbers = text.slice(1).split("_").map(Number);
  for (const number of numbers) if (!Number.isSafeInteger(number)) return undefined;
  const [events = 0, presence = 0, typing = 0, receipts = 0, account_data = 0, push_rules = 0, to_device = 0, device_lists = 0] = numbers;
  const un_partial_stated_room = numbers[9] ?? 0;
  return { events, presence, typing, receipts, account_data, push_rules, to_device, device_lists, un_partial_stated_room };
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
