import type { Rotation } from "../config/logConfig";
import { datePart, timePart } from "./logTime";

type TimeRotation = Rotation & { readonly kind: "time" };

const SECOND = 1000;
const DAY = 86_400 * SECOND;
const UNITS: Readonly<Record<string, number>> = { S: SECOND, M: 60 * SECOND, H: 3600 * SECOND, D: DAY };

/** When a file that was begun (or last changed) at `since` is to be rotated, in ms since the epoch. */
export function nextRollover({ when, interval, utc }: TimeRotation, since: number): number {
  const unit = UNITS[when.toUpperCase()];
  if (unit !== undefined) return since + unit * interval;
  const weekday = /^W([0-6])$/i.exec(when)?.[1];
  const days = weekday === undefined ? 0 : daysUntil(Number(weekday), since, utc);
  // Midnights are found by the calendar: days have 23 or 25 hours twice a year.
  return midnightAfter(since, days + (weekday === undefined ? interval : 1), utc);
}

/** Python counts weekdays from Monday. */
function daysUntil(weekday: number, since: number, utc: boolean): number {
  const date = new Date(since);
  const today = ((utc ? date.getUTCDay() : date.getDay()) + 6) % 7;
  return (weekday - today + 7) % 7;
}

function midnightAfter(time: number, days: number, utc: boolean): number {
  const date = new Date(time);
  if (utc) return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + days);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

/** What is appended to the name of a rotated file: when its time began. */
export function rolledSuffix({ when, interval, utc }: TimeRotation, rollAt: number): string {
  const unit = UNITS[when.toUpperCase()];
  const begun = unit === undefined ? midnightAfter(rollAt, /^W/i.test(when) ? -7 : -interval, utc) : rollAt - unit * interval;
  const day = `.${datePart(begun, utc)}`;
  const time = timePart(begun, "-", utc);
  if (unit === UNITS["H"]) return `${day}_${time.slice(0, 2)}`;
  if (unit === UNITS["M"]) return `${day}_${time.slice(0, 5)}`;
  return unit === SECOND ? `${day}_${time}` : day;
}

export function rolledSuffixPattern({ when }: TimeRotation): RegExp {
  const parts: Readonly<Record<string, string>> = { S: "_\\d\\d-\\d\\d-\\d\\d", M: "_\\d\\d-\\d\\d", H: "_\\d\\d" };
  return new RegExp(`^\\.\\d{4}-\\d\\d-\\d\\d${parts[when.toUpperCase()] ?? ""}$`);
}
