/** Bytes on their way to somebody. A chunk may be overwritten once the next one is asked for. Streams of Node are such sources, too. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** For who does not read it, or not to its end. */
  destroy(): unknown;
}

export function isByteSource(value: unknown): value is ByteSource {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
