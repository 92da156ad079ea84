/** Bytes on their way to us. Nothing is read ahead, so a slow reader slows the sender down. */
export interface ByteReader {
  /** Fills the memory as long as bytes come, and gives their number: less than there is room for once all have come. One call at a time. */
  read(into: Uint8Array): Promise<number>;
}

const EMPTY = new Uint8Array(0);

/** Streams of Node are such sources. */
export function readerOf(source: AsyncIterable<Uint8Array>): ByteReader {
  const chunks = source[Symbol.asyncIterator]();
  let left: Uint8Array = EMPTY;
  return {
    async read(into) {
      let filled = 0;
      for (;;) {
        const part = left.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        left = left.subarray(part.length);
        if (filled === into.length) return filled;
        const next = await chunks.next();
        if (next.done === true) return filled;
        left = next.value;
      }
    },
  };
}
