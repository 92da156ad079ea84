import { JsonText } from "./jsonText";

/** What is left to spend before an answer counts as large. */
interface Budget {
  objects: number;
  chars: number;
}

/** An answer of more objects than this takes tens of milliseconds to write: too long for one turn of the event loop. */
const MANY_OBJECTS = 25_000;

/**
 * JSON of a tree with JsonText leaves, which are spliced in as they lie. Otherwise the same text as JSON.stringify. Undefined when
 * it is longer than `limit` characters or a tree of very many objects: then write it with `jsonChunks`.
 */
export function writeJson(value: unknown, limit: number): string | undefined {
  const budget: Budget = { objects: MANY_OBJECTS, chars: limit };
  const text = write(value, budget);
  return budget.objects < 0 || budget.chars < 0 ? undefined : text;
}

/** Trees without JsonText go to JSON.stringify, which is twice as fast; to look costs a twentieth of writing. */
function write(value: unknown, budget: Budget): string {
  if (value instanceof JsonText) return spend(budget, value.text);
  if (typeof value !== "object" || value === null || !holdsText(value, budget)) return spend(budget, JSON.stringify(value) ?? "null");
  let text = "";
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && budget.chars >= 0; i++) text += (i === 0 ? "[" : ",") + write(value[i], budget);
    return text + "]";
  }
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item !== undefined) text += `${text === "" ? "{" : ","}${JSON.stringify(key)}:${write(item, budget)}`;
    if (budget.chars < 0) break;
  }
  return text + "}";
}

function spend(budget: Budget, text: string): string {
  budget.chars -= text.length;
  return text;
}

/** False also when the budget runs out, to end the walk. */
function holdsText(value: object, budget: Budget): boolean {
  if (value instanceof JsonText) return true;
  if (--budget.objects < 0) {
    budget.chars = -1;
    return true;
  }
  if (Array.isArray(value)) return value.some((item) => typeof item === "object" && item !== null && holdsText(item, budget));
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === "object" && item !== null && holdsText(item, budget)) return true;
  }
  return false;
}

/** The same text in pieces of about `size` characters, so that a huge answer neither blocks the event loop nor lies in memory whole. */
export function* jsonChunks(value: unknown, size: number): Generator<string> {
  let chunk = "";
  for (const piece of pieces(value)) {
    chunk += piece;
    if (chunk.length < size) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

function* pieces(value: unknown): Generator<string> {
  if (value instanceof JsonText) yield value.text;
  else if (Array.isArray(value)) {
    yield "[";
    for (let i = 0; i < value.length; i++) {
      if (i > 0) yield ",";
      yield* pieces(value[i]);
    }
    yield "]";
  } else if (typeof value !== "object" || value === null || isFlat(value)) yield JSON.stringify(value) ?? "null";
  else {
    let open = "{";
    for (const key of Object.keys(value)) {
      const item = (value as Record<string, unknown>)[key];
      if (item === undefined) continue;
      yield `${open}${JSON.stringify(key)}:`;
      open = ",";
      yield* pieces(item);
    }
    yield open === "{" ? "{}" : "}";
  }
}

function isFlat(object: object): boolean {
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key];
    if (typeof value === "object" && value !== null) return false;
  }
  return true;
}
