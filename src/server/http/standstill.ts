import { CLIENT_LEFT, ClientLeftError } from "./body";
import type { Exchange } from "./exchange";

/** What had come before a process went on has been read so long after, in ms. */
const BACKLOG_MS = 2_000;
/** An end of a connection is read in a later turn of the event loop than what came before it. */
const TURNS = 3;

/**
 * After a standstill (frozen, swapped out, a virtual machine moved) there lie requests whose clients have left meanwhile, and may have asked
 * somebody else, whose newer values these would overwrite: rejects with ClientLeftError for them. Undefined where nobody needs to wait.
 */
export function clientIsThere(exchange: Exchange): Promise<void> | undefined {
  const woke = exchange.listening.eventLoop?.wokeAt() ?? -Infinity;
  return exchange.begin < woke + BACKLOG_MS ? stillThere(exchange) : undefined;
}

async function stillThere(exchange: Exchange): Promise<void> {
  const { socket } = exchange.raw;
  for (let turn = 0; turn < TURNS; turn++) await new Promise(setImmediate);
  // Not the request itself: Node destroys it when it has been read to its end.
  if (exchange.left || socket.readableEnded || socket.destroyed) throw new ClientLeftError(CLIENT_LEFT);
}
