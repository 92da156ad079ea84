/** What Redis says: RESP 2, of which nil is null. */
export type RedisReply = string | number | null | Error | readonly RedisReply[];

const CR = 13;

/** Takes pieces of Redis's answers as they come, and gives each answer once it is whole. Throws for what is not Redis's protocol. */
export class RedisReplies {
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** Before so many bytes are here the answer that was begun cannot be whole. */
  private needed = 0;
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;

  constructor(private readonly give: (reply: RedisReply) => void) {}

  /** Whether an answer has begun and is not whole. */
  get isPartial(): boolean {
    return this.heldBytes > 0;
  }

  /** The memory of `piece` may be used again afterwards. */
  add(piece: Buffer): void {
    if (this.heldBytes + piece.length < this.needed) return this.hold(piece);
    this.bytes = this.heldBytes > 0 ? Buffer.concat([...this.held, piece]) : piece;
    this.held = [];
    this.heldBytes = this.needed = this.at = 0;
    for (let from = 0; from < this.bytes.length; from = this.at) {
      const reply = this.read();
      if (reply === undefined) {
        const rest = this.bytes.subarray(from);
        this.needed = Math.max(this.needed - from, 0);
        return this.hold(rest);
      }
      this.give(reply);
    }
  }

  private hold(piece: Buffer): void {
    this.held.push(Buffer.from(piece));
    this.heldBytes += piece.length;
  }

  /** The answer at the place where reading is; undefined where it is not whole, and then `needed` may say how far it goes. */
  private read(): RedisReply | undefined {
    const end = this.bytes.indexOf(CR, this.at);
    if (end < 0 || end + 1 >= this.bytes.length) return undefined;
    const kind = String.fromCharCode(this.bytes[this.at] ?? 0);
    const line = this.bytes.toString("utf8", this.at + 1, end);
    this.at = end + 2;
    if (kind === "+") return line;
    if (kind === "-") return new Error(line);
    if (kind === ":") return Number(line);
    if (kind === "$") return this.readText(Number(line));
    if (kind === "*") return this.readArray(Number(line));
    throw new Error(`not an answer of Redis: ${kind}${line.slice(0, 100)}`);
  }

  private readText(length: number): string | null | undefined {
    if (length < 0) return null;
    const end = this.at + length;
    if (end + 2 > this.bytes.length) {
      this.needed = end + 2;
      return undefined;
    }
    const text = this.bytes.toString("utf8", this.at, end);
    this.at = end + 2;
    return text;
  }

  private readArray(length: number): readonly RedisReply[] | null | undefined {
    if (length < 0) return null;
    const items: RedisReply[] = [];
    while (items.length < length) {
      const item = this.read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }
}
