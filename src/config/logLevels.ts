import type { LogLevel } from "./logConfig";

const names: Readonly<Record<string, LogLevel>> = {
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  WARNING: "warn",
  ERROR: "error",
  CRITICAL: "error",
  FATAL: "error",
};

/** Python's level, by name or number. NOTSET is undefined, what is not a level is null. */
export function parseLevel(value: unknown): LogLevel | undefined | null {
  if (value === undefined || value === null || value === "NOTSET" || value === 0) return undefined;
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number")
    return number <= 10 ? "debug" : number <= 20 ? "info" : number <= 30 ? "warn" : number <= 50 ? "error" : "off";
  return typeof value === "string" ? (names[value.toUpperCase()] ?? null) : null;
}
