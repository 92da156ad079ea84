const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/** Local times unless `utc`. */
export function datePart(time: number, utc = false): string {
  const date = new Date(time);
  return utc ? date.toISOString().slice(0, 10) : `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

export function timePart(time: number, separator: string, utc = false): string {
  const date = new Date(time);
  const parts = utc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => pad(part)).join(separator);
}

/** `YYYY-MM-DD HH:MM:SS,mmm` in local time, as Python writes it. Remembers the last second, so most lines only add the milliseconds. */
export function createAsctime(): (time: number) => string {
  let second = NaN;
  let text = "";
  return (time) => {
    const now = Math.floor(time / 1000);
    if (now !== second) {
      second = now;
      text = `${datePart(time)} ${timePart(time, ":")},`;
    }
    const ms = Math.floor(time - now * 1000);
    return text + (ms < 10 ? "00" : ms < 100 ? "0" : "") + ms;
  };
}

type Directive = (date: Date) => string;

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  Y: (d) => String(d.getFullYear()),
  y: (d) => pad(d.getFullYear() % 100),
  m: (d) => pad(d.getMonth() + 1),
  d: (d) => pad(d.getDate()),
  H: (d) => pad(d.getHours()),
  I: (d) => pad(d.getHours() % 12 || 12),
  M: (d) => pad(d.getMinutes()),
  S: (d) => pad(d.getSeconds()),
  f: (d) => pad(d.getMilliseconds() * 1000, 6),
  p: (d) => (d.getHours() < 12 ? "AM" : "PM"),
  a: (d) => (DAYS[d.getDay()] ?? "").slice(0, 3),
  A: (d) => DAYS[d.getDay()] ?? "",
  b: (d) => (MONTHS[d.getMonth()] ?? "").slice(0, 3),
  B: (d) => MONTHS[d.getMonth()] ?? "",
  s: (d) => String(Math.floor(d.getTime() / 1000)),
  z: (d) => offsetText(-d.getTimezoneOffset()),
  "%": () => "%",
};
const SHORTHANDS: Readonly<Record<string, string>> = { F: "%Y-%m-%d", T: "%H:%M:%S", D: "%m/%d/%y", R: "%H:%M", c: "%a %b %d %H:%M:%S %Y" };

function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  return (minutes < 0 ? "-" : "+") + pad(Math.floor(size / 60)) + pad(size % 60);
}

/** The usual part of strftime, in local time. What it does not know stays as it is. */
export function strftime(format: string, time: number): string {
  const date = new Date(time);
  const plain = format.replace(/%([FTDRc])/g, (whole, letter: string) => SHORTHANDS[letter] ?? whole);
  return plain.replace(/%([A-Za-z%])/g, (whole, letter: string) => DIRECTIVES[letter]?.(date) ?? whole);
}
