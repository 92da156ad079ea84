import type { AnyStream } from "./defineStream";

/** Every stream of the server. A stream that isn't listed here is neither loaded nor followed. */
export const allStreams: readonly AnyStream[] = [];
