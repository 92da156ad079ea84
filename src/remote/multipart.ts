/** multipart/mixed as other servers answer with media (server-server API, "Content repository"): some JSON, then the file or where it is. */

export interface Part {
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The rest of the stream up to the next boundary. */
  readonly body: AsyncIterable<Buffer>;
}

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_SMALL_PART_BYTES = 64 * 1024;

export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\//i.test(contentType)) return undefined;
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType) ?? [];
  return quoted ?? plain;
}

/** The second part of a body; the first is read over. Throws when the body is not such. */
export async function secondPart(body: AsyncIterable<Buffer>, boundary: string): Promise<Part> {
  const source = body[Symbol.asyncIterator]();
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first boundary may stand at the very beginning, without a line before it.
  let held: Buffer = Buffer.from("\r\n");

  async function more(): Promise<boolean> {
    const { done, value } = await source.next();
    if (done) return false;
    held = held.length === 0 ? value : Buffer.concat([held, value]);
    return true;
  }

  async function takeUntil(mark: Buffer, maxBytes: number): Promise<Buffer> {
    for (;;) {
      const at = held.indexOf(mark);
      if (at >= 0) {
        const taken = held.subarray(0, at);
        held = held.subarray(at + mark.length);
        return taken;
      }
      if (held.length > maxBytes || !(await more())) throw new Error("the multipart body is broken");
    }
  }

  async function* rest(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const at = held.indexOf(delimiter);
        if (at >= 0) {
          if (at > 0) yield held.subarray(0, at);
          // What little follows is read over, so that the connection can serve again.
          for (let chunks = 0; chunks < 4; chunks++) if (!(await more())) break;
          return;
        }
        // The end of what is there may be the beginning of a delimiter.
        const sure = held.length - delimiter.length;
        if (sure > 0) {
          yield held.subarray(0, sure);
          held = held.subarray(sure);
        }
        if (!(await more())) throw new Error("the multipart body ends too early");
      }
    } finally {
      await source.return?.(undefined);
    }
  }

  try {
    await takeUntil(delimiter, MAX_SMALL_PART_BYTES);
    await takeUntil(delimiter, MAX_SMALL_PART_BYTES);
    const headers = parseHeaders(await takeUntil(Buffer.from("\r\n\r\n"), MAX_HEADER_BYTES));
    return { headers, body: rest() };
  } catch (error) {
    await source.return?.(undefined);
    throw error;
  }
}

function parseHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of bytes.toString("latin1").split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}
