import { invalidParam } from "../../errors";

export type QueryValues = ReadonlyMap<string, readonly string[]>;

const NOTHING: QueryValues = new Map();
/** More parameters than this are ignored: nothing has a use for them. */
const MAX_PARAMETERS = 1000;

/** Parses a query string or a form body (application/x-www-form-urlencoded). Throws 400 M_INVALID_PARAM when it is not UTF-8. */
export function parseQuery(text: string): QueryValues {
  if (text === "") return NOTHING;
  const values = new Map<string, string[]>();
  for (const part of text.split("&", MAX_PARAMETERS)) {
    if (part === "") continue;
    const at = part.indexOf("=");
    const name = decode(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? "" : decode(part.slice(at + 1));
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  return values;
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw invalidParam("Query parameters must be percent-encoded UTF-8");
  }
}
