import { JsonError, MAX_JSON_DEPTH } from "./json";

export interface ElementOptions {
  /** Members of the object whose elements are given one by one. */
  readonly arrays: readonly string[];
  /** Bytes of one element, and of all that is no element. */
  readonly maxElementBytes: number;
  readonly maxRestBytes: number;
  /** Over all arrays. */
  readonly maxElements: number;
  /** Gets each element as it stands in the text: whether it is JSON is not known yet. */
  readonly onElement: (array: string, bytes: Buffer) => void;
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Takes the elements of some arrays out of a large JSON object while it arrives, so that it is never in memory as a whole. The object may be
 * wrapped as in `[200, {...}]`. What is left is the same text with these arrays empty. Throws JsonError: for what is nested too deeply, too
 * large, or names such an array twice. Everything else that is wrong is still wrong in the elements or in what is left.
 */
export class JsonElements {
  private depth = 0;
  private inString = false;
  private isEscaped = false;
  /** Where the object's members are. */
  private level = 0;
  /** The pieces of a text at that level, and where in the present piece of the body it goes on. */
  private string: Buffer[] | undefined;
  private stringFrom = 0;
  private key: string | undefined;
  /** Behind the colon of a member. */
  private isValue = false;
  /** The array whose elements are being given. */
  private array: string | undefined;
  private elementsBefore = 0;
  private readonly seen = new Set<string>();
  private element: Buffer[] = [];
  private elementBytes = 0;
  private elements = 0;
  private readonly rest: Buffer[] = [];
  private restBytes = 0;

  constructor(private readonly options: ElementOptions) {}

  push(chunk: Buffer): void {
    /** Where what is not yet put anywhere begins. */
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (this.inString) {
        at = this.endOfString(chunk, at);
        continue;
      }
      const byte = chunk[at] as number;
      if (this.array !== undefined && this.depth === this.level + 1 && (byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT)) {
        this.keep(chunk.subarray(from, at));
        from = at + 1;
        this.endElement(byte);
        if (byte === COMMA) continue;
        from = at;
      }
      if (this.step(byte, at, chunk)) {
        this.keep(chunk.subarray(from, at + 1));
        from = at + 1;
        this.beginArray();
      }
    }
    if (this.string && this.inString) this.string.push(chunk.subarray(this.stringFrom));
    this.stringFrom = 0;
    this.keep(chunk.subarray(from));
  }

  /** The text without the elements. */
  end(): Buffer {
    if (this.depth !== 0 || this.inString) throw new JsonError("syntax", "the text ends too early");
    return Buffer.concat(this.rest, this.restBytes);
  }

  private endOfString(chunk: Buffer, from: number): number {
    let at = from;
    if (this.isEscaped) {
      this.isEscaped = false;
      at++;
    }
    for (; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === BACKSLASH) {
        if (at + 1 === chunk.length) this.isEscaped = true;
        at++;
      } else if (byte === QUOTE) {
        this.inString = false;
        if (this.string) {
          this.string.push(chunk.subarray(this.stringFrom, at + 1));
          this.key = keyOf(this.string);
          this.string = undefined;
        }
        return at;
      }
    }
    return at;
  }

  /** Whether an array begins whose elements are wanted. */
  private step(byte: number, at: number, chunk: Buffer): boolean {
    switch (byte) {
      case QUOTE:
        this.inString = true;
        // a member's name, or a text that no colon follows
        if (this.depth === this.level && this.array === undefined) {
          this.string = [];
          this.stringFrom = at;
        }
        return false;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (this.level === 0) this.level = chunk[at] === OPEN_OBJECT ? 1 : 2;
        if (++this.depth > MAX_JSON_DEPTH) throw new JsonError("depth", `nested deeper than ${MAX_JSON_DEPTH}`);
        return byte === OPEN_ARRAY && this.depth === this.level + 1 && this.isValue && this.options.arrays.includes(this.key ?? "");
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        if (--this.depth < 0) throw new JsonError("syntax", "more brackets are closed than opened");
        return false;
      case COLON:
        if (this.depth === this.level) this.isValue = true;
        return false;
      case COMMA:
        if (this.depth === this.level) this.isValue = false;
        return false;
      default:
        return false;
    }
  }

  private beginArray(): void {
    const name = this.key ?? "";
    if (this.seen.has(name)) throw new JsonError("syntax", `${name} comes twice`);
    this.seen.add(name);
    this.array = name;
    this.elementsBefore = this.elements;
  }

  private endElement(byte: number): void {
    const { array = "" } = this;
    const bytes = this.element.length === 1 ? (this.element[0] as Buffer) : Buffer.concat(this.element, this.elementBytes);
    this.element = [];
    this.elementBytes = 0;
    const isEnd = byte !== COMMA;
    if (isEnd) this.array = undefined;
    if (byte === CLOSE_OBJECT) throw new JsonError("syntax", `${array} is not closed`);
    // an empty array has no elements, and no other place may be empty
    if (isBlank(bytes)) {
      if (isEnd && this.elements === this.elementsBefore) return;
      throw new JsonError("syntax", `${array} has an empty place`);
    }
    if (++this.elements > this.options.maxElements) throw new JsonError("syntax", `more than ${this.options.maxElements} elements`);
    this.options.onElement(array, bytes);
  }

  private keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.array !== undefined) {
      this.elementBytes += bytes.length;
      if (this.elementBytes > this.options.maxElementBytes) throw new JsonError("syntax", `an element of ${this.array} is too large`);
      this.element.push(bytes);
      return;
    }
    this.restBytes += bytes.length;
    if (this.restBytes > this.options.maxRestBytes) throw new JsonError("syntax", "the text is too large");
    // a copy, as the rest would hold on to whole pieces of the body
    this.rest.push(Buffer.from(bytes));
  }
}

const isBlank = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);

/** Undefined for what is no string: that shows when what is left is parsed. */
function keyOf(pieces: readonly Buffer[]): string | undefined {
  try {
    return JSON.parse(Buffer.concat(pieces).toString()) as string;
  } catch {
    return undefined;
  }
}
