const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;

const durationUnits: Readonly<Record<string, number>> = {
  s: SECOND,
  m: 60 * SECOND,
  h: 60 * 60 * SECOND,
  d: DAY,
  w: 7 * DAY,
  y: 365 * DAY,
};

const sizeUnits: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** Milliseconds out of a number of milliseconds or a number with one of the letters s, m, h, d, w, y. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? value : undefined;
  const match = typeof value === "string" ? /^\s*(-?\d+)\s*(ms|[smhdwy])?\s*$/.exec(value) : null;
  if (match === null) return undefined;
  const unit = match[2] === undefined || match[2] === "ms" ? 1 : durationUnits[match[2]];
  return unit === undefined ? undefined : Number(match[1]) * unit;
}

/** Bytes out of a number of bytes or a number with K, M, G, T (powers of 1024; KiB and KB are taken for K). */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? value : undefined;
  const match = typeof value === "string" ? /^\s*(\d+)\s*([KMGT])?(?:i?B)?\s*$/.exec(value) : null;
  if (match === null) return undefined;
  const unit = match[2] === undefined ? 1 : sizeUnits[match[2]];
  return unit === undefined ? undefined : Number(match[1]) * unit;
}
