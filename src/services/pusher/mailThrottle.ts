import type { MailThrottle } from "../../storage/mailThrottles";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** The first pause of a room, the factor by which it grows with each mail, and the longest. */
const START_MS = 10 * MINUTE_MS;
const FACTOR = 144;
const LONGEST_MS = 24 * HOUR_MS;
/** After so long without anything to tell of a room, its pauses begin anew. */
const CALM_MS = 12 * HOUR_MS;

/** Something of which a mail may tell. */
export interface MailCause {
  readonly roomNid: number;
  readonly receivedTs: number;
}

/** When a mail is due because of this: `delay` after it came, in case it is read meanwhile, and not before the room may be told of again. */
export function dueAt({ receivedTs }: MailCause, throttle: MailThrottle | undefined, delay: number): number {
  return Math.max(receivedTs + delay, throttle ? throttle.lastSentTs + throttle.throttleMs : 0);
}

/** After a mail: the room's pause is longer now, or short again if it had been calm. `before`: when something was told of it before. */
export function nextThrottle(
  { roomNid, receivedTs }: MailCause,
  known: MailThrottle | undefined,
  before: number | undefined,
  now: number,
): MailThrottle {
  const wasCalm = known === undefined || (before !== undefined && receivedTs - before > CALM_MS);
  return { roomNid, lastSentTs: now, throttleMs: wasCalm ? START_MS : Math.min(known.throttleMs * FACTOR, LONGEST_MS) };
}
