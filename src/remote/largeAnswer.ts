import type { JsonValue } from "../lib/json";
import { JsonElements } from "../lib/jsonElements";
import { parseLosslessJson } from "../lib/jsonLossless";

/** Takes in the elements of large arrays of an answer while it arrives. Nothing more is read before it is done with them. */
export interface ElementSink {
  readonly arrays: readonly string[];
  /** Whether anything was taken: then the request is not made again. */
  readonly hasBegun: boolean;
  take(array: string, elements: readonly JsonValue[]): Promise<void>;
}

/** Of answers that hold the state of a room, as Synapse has it. */
export const MAX_LARGE_BYTES = 500 * 1024 * 1024;
/** An event has 64 KiB, and something unsigned. */
const MAX_ELEMENT_BYTES = 1024 * 1024;
/** All but the events: mostly names of servers. */
const MAX_REST_BYTES = 16 * 1024 * 1024;
const MAX_ELEMENTS = 1_000_000;
/** Elements that are parsed and handed over at once, and characters of them: a few milliseconds of work in one turn of the event loop. */
const BATCH = 40;
const BATCH_BYTES = 256 * 1024;

/** Reads an answer whose elements go to the sink. Gives the rest, in which these arrays are empty. */
export async function readLarge(
  body: AsyncIterable<Buffer>,
  sink: Pick<ElementSink, "arrays" | "take">,
  maxBytes: number,
): Promise<JsonValue> {
  let waiting = new Map<string, JsonValue[]>();
  let count = 0;
  let bytes = 0;
  let size = 0;
  const elements = new JsonElements({
    arrays: sink.arrays,
    maxElementBytes: MAX_ELEMENT_BYTES,
    maxRestBytes: MAX_REST_BYTES,
    maxElements: MAX_ELEMENTS,
    onElement(array, text) {
      const list = waiting.get(array) ?? [];
      list.push(parseLosslessJson(text));
      waiting.set(array, list);
      count++;
      bytes += text.length;
    },
  });
  const flush = async (): Promise<void> => {
    const batch = waiting;
    waiting = new Map<string, JsonValue[]>();
    count = bytes = 0;
    for (const [array, list] of batch) await sink.take(array, list);
  };
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error("the answer is too large");
    elements.push(chunk);
    if (count >= BATCH || bytes >= BATCH_BYTES) await flush();
  }
  await flush();
  return parseLosslessJson(elements.end());
}
