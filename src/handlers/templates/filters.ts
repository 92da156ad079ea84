/** What Synapse's templates can do beyond what the engine has: filters of Synapse, and those of Jinja that it lacks. */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = "January February March April May June July August September October November December".split(" ");
const two = (value: number): string => String(value).padStart(2, "0");

/** Codes of C's strftime, in the locale "C". */
const codes: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => (DAYS[date.getDay()] ?? "").slice(0, 3),
  A: (date) => DAYS[date.getDay()] ?? "",
  b: (date) => (MONTHS[date.getMonth()] ?? "").slice(0, 3),
  B: (date) => MONTHS[date.getMonth()] ?? "",
  c: (date) => strftime(date, "%a %b %e %H:%M:%S %Y"),
  d: (date) => two(date.getDate()),
  D: (date) => strftime(date, "%m/%d/%y"),
  e: (date) => String(date.getDate()).padStart(2),
  F: (date) => strftime(date, "%Y-%m-%d"),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  j: (date) =>
    String(Math.round((new Date(date).setHours(12) - new Date(date.getFullYear(), 0, 0, 12).getTime()) / 86_400_000)).padStart(3, "0"),
  m: (date) => two(date.getMonth() + 1),
  M: (date) => two(date.getMinutes()),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  S: (date) => two(date.getSeconds()),
  T: (date) => strftime(date, "%H:%M:%S"),
  x: (date) => strftime(date, "%m/%d/%y"),
  X: (date) => strftime(date, "%H:%M:%S"),
  y: (date) => two(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  z: (date) => {
    const minutes = -date.getTimezoneOffset();
    const size = Math.abs(minutes);
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
  },
  Z: (date) =>
    new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(date).find(({ type }) => type === "timeZoneName")?.value ?? "",
  "%": () => "%",
};

/** In the process's time zone, as Synapse's. Codes that are not known stay as they are. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%([A-Za-z%])/g, (whole, code: string) => codes[code]?.(date) ?? whole);
}

/** The `%` of Python for what templates use: `%s`, `%d`, `%.1f`, `%05d`, `%x`, `%%`. */
export function printf(format: string, values: readonly unknown[]): string {
  let next = 0;
  return format.replace(/%(?:%|(-?)(0?)(\d*)(?:\.(\d+))?([sdifxr]))/g, (whole, left, zero, width, digits, kind: string | undefined) => {
    if (kind === undefined) return "%";
    if (next >= values.length) throw new Error("not enough arguments for format string");
    const text = printed(values[next++], kind, digits === undefined ? undefined : Number(digits));
    return left === "-" ? text.padEnd(Number(width)) : text.padStart(Number(width), zero === "0" ? "0" : " ");
  });
}

function printed(value: unknown, kind: string, digits: number | undefined): string {
  if (kind === "s" || kind === "r") return textOf(value).slice(0, digits);
  if (kind === "f") return Number(value).toFixed(digits ?? 6);
  return Math.trunc(Number(value)).toString(kind === "x" ? 16 : 10);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : value === null || value === undefined ? "None" : JSON.stringify(value);
}

/** What an `mxc:` URI is shown with in a mail or page; empty for anything else. */
export function mxcToHttp(baseUrl: string, value: unknown, size: { width: unknown; height: unknown; method: unknown }): string {
  if (typeof value !== "string" || !value.startsWith("mxc://")) return "";
  const [media = "", ...fragment] = value.slice("mxc://".length).split("#");
  const query = new URLSearchParams({ width: textOf(size.width), height: textOf(size.height), method: textOf(size.method) });
  return `${baseUrl}_matrix/media/v1/thumbnail/${media}?${query.toString()}${fragment.length > 0 ? `#${fragment.join("#")}` : ""}`;
}

/** Jinja's: like Python's `quote`, which leaves slashes; of an object or a list of pairs a query string. */
export function urlencode(value: unknown): string {
  const quote = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  if (typeof value !== "object" || value === null) return quote(textOf(value)).replaceAll("%2F", "/");
  const pairs = value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value);
  return pairs.map(([key, item]) => `${quote(textOf(key))}=${quote(textOf(item))}`).join("&");
}

/** Jinja's: cuts at a word, and says so. */
export function truncate(value: unknown, length = 255, killWords = false, end = "..."): string {
  const text = textOf(value);
  if (text.length <= length + 5) return text;
  const cut = text.slice(0, Math.max(0, length - end.length));
  return (killWords ? cut : cut.replace(/\s+\S*$/, "")) + end;
}
