/** What processes tell each other over a connection of their own. `subject` is a channel or a name, `text` anything. */
export interface Frame {
  readonly verb: Verb;
  readonly subject: string;
  readonly text: string;
}

/**
 * hello (hub: server name, challenge), name (worker: its name, proof), subscribe and unsubscribe (channel), sync (worker: that was all),
 * ready (hub: from here on nothing is left out), say (channel, message), ping, mark (the hub sends it back when all that was
 * said before is passed on), error (text, then the end).
 */
const verbs = ["hello", "name", "subscribe", "unsubscribe", "sync", "ready", "say", "ping", "mark", "error"] as const;
export type Verb = (typeof verbs)[number];

const MAX_HEADER = 4_096;
/** More than any batch: writers cut theirs. Bytes. */
const MAX_TEXT = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** A line of verb, subject and the length of the text in bytes; then the text. */
export function encodeFrame(verb: Verb, subject = "", text = ""): Buffer {
  return Buffer.from(`${verb} ${encodeURIComponent(subject)} ${Buffer.byteLength(text)}\n${text}`);
}

const isVerb = (text: string): text is Verb => (verbs as readonly string[]).includes(text);

/** Takes a stream of bytes apart. Throws where they are not frames: whoever sent them is no process of ours. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private size = 0;
  /** Bytes to wait for before it is worth looking again. */
  private wanted = 1;

  /** The frames that are complete with these bytes. */
  push(chunk: Buffer): Frame[] {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < this.wanted) return [];
    let rest = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks);
    const frames: Frame[] = [];
    this.wanted = 1;
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      if (end < 0 && rest.length > MAX_HEADER) throw new Error("not a frame");
      if (end < 0) break;
      const { verb, subject, length } = decodeHeader(rest.toString("latin1", 0, end));
      this.wanted = end + 1 + length;
      if (rest.length < this.wanted) break;
      frames.push({ verb, subject, text: rest.toString("utf8", end + 1, this.wanted) });
      rest = rest.subarray(this.wanted);
      this.wanted = 1;
    }
    this.chunks = rest.length > 0 ? [rest] : [];
    this.size = rest.length;
    return frames;
  }
}

function decodeHeader(line: string): { verb: Verb; subject: string; length: number } {
  const [verb = "", subject, length, ...more] = line.split(" ");
  const bytes = Number(length);
  if (!isVerb(verb) || subject === undefined || more.length > 0 || !/^\d+$/.test(length ?? "") || bytes > MAX_TEXT) {
    throw new Error("not a frame");
  }
  return { verb, subject: decodeURIComponent(subject), length: bytes };
}
