import {
  type JsonObject,
  type JsonValue,
  type ParseOptions,
  JsonError,
  JsonNumber,
  MAX_JSON_DEPTH,
  decode,
  isJsonObject,
  parseJson,
} from "./json";

/** A number that a double might change, or something in a string that looks like one: then the slow path is only slower. */
const PRECIOUS_NUMBER = /(?:^|[:,[])\s*-?(?:\d{16}|\d+[.eE]|(?<=-)0)/;

/**
 * Parses JSON whose numbers are signed as they are written (PDUs). Numbers that a double would change, those with a fraction or an
 * exponent, and `-0` come as JsonNumber; all others as usual. Throws JsonError.
 */
export function parseLosslessJson(text: string | Buffer, options: ParseOptions = {}): JsonValue {
  const source = decode(text);
  if (!PRECIOUS_NUMBER.test(source)) return parseJson(source, options);
  return new Parser(source, options.maxDepth ?? MAX_JSON_DEPTH).document();
}

/** A copy with each JsonNumber as the nearest double, for what is not signed (EDUs, API answers). */
export function withPlainNumbers(value: JsonValue): JsonValue {
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(withPlainNumbers);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, item === undefined ? item : withPlainNumbers(item)]));
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const NOT_PLAIN = /[\\\u0000-\u001f]/;
const SPACE = /[ \t\r\n]*/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** One pass over one text. Recursive, so the depth limit also guards the stack. */
class Parser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly source: string,
    private readonly maxDepth: number,
  ) {}

  document(): JsonValue {
    const value = this.value();
    this.skipSpace();
    if (this.at < this.source.length) throw this.syntax();
    return value;
  }

  private value(): JsonValue {
    this.skipSpace();
    switch (this.source[this.at]) {
      case "{":
        return this.nested(() => this.object());
      case "[":
        return this.nested(() => this.array());
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private nested<T>(parse: () => T): T {
    if (++this.depth > this.maxDepth) throw new JsonError("depth", `nested deeper than ${this.maxDepth}`);
    this.at++;
    const value = parse();
    this.depth--;
    return value;
  }

  private object(): JsonObject {
    const object: JsonObject = {};
    if (this.accept("}")) return object;
    do {
      this.skipSpace();
      const key = this.string();
      this.expect(":");
      const value = this.value();
      // Plain assignment to this one key would replace the prototype.
      if (key === "__proto__") Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
    } while (this.accept(","));
    this.expect("}");
    return object;
  }

  private array(): JsonValue[] {
    const array: JsonValue[] = [];
    if (this.accept("]")) return array;
    do array.push(this.value());
    while (this.accept(","));
    this.expect("]");
    return array;
  }

  private string(): string {
    const start = this.at;
    if (this.source[start] !== '"') throw this.syntax();
    let end = this.source.indexOf('"', start + 1);
    while (end > 0 && this.isEscaped(end)) end = this.source.indexOf('"', end + 1);
    if (end < 0) throw this.syntax();
    this.at = end + 1;
    const inner = this.source.slice(start + 1, end);
    return NOT_PLAIN.test(inner) ? this.unescape(inner) : inner;
  }

  /** Whether an odd number of backslashes stands before. */
  private isEscaped(at: number): boolean {
    let before = at - 1;
    while (this.source[before] === "\\") before--;
    return (at - before) % 2 === 0;
  }

  private unescape(inner: string): string {
    let value: string;
    try {
      value = JSON.parse(`"${inner}"`) as string;
    } catch {
      throw this.syntax();
    }
    if (LONE_SURROGATE.test(value)) throw new JsonError("surrogate", "string with a lone surrogate");
    return value;
  }

  private number(): JsonValue {
    const text = this.match(NUMBER);
    if (text === undefined || text === "") throw this.syntax();
    const value = Number(text);
    return Number.isSafeInteger(value) && String(value) === text ? value : new JsonNumber(text);
  }

  private word<T>(word: string, value: T): T {
    if (!this.source.startsWith(word, this.at)) throw this.syntax();
    this.at += word.length;
    return value;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.source);
    if (!found) return undefined;
    this.at = pattern.lastIndex;
    return found[0];
  }

  private accept(token: string): boolean {
    this.skipSpace();
    if (this.source[this.at] !== token) return false;
    this.at++;
    return true;
  }

  private expect(token: string): void {
    if (!this.accept(token)) throw this.syntax();
  }

  private skipSpace(): void {
    const c = this.source.charCodeAt(this.at);
    if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) this.match(SPACE);
  }

  private syntax(): JsonError {
    return new JsonError("syntax", `unexpected character at ${this.at}`);
  }
}
