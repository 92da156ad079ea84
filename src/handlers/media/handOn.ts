import { MatrixError } from "../../errors";
import type { ByteReader } from "../../lib/byteReader";
import type { Forwarded, ForwardedAnswer } from "../../replication/forward";
import { UnreachableError } from "../../replication/rpcTransport";
import type { App } from "../app";
import type { HttpRequest } from "../request";

const CHUNK = 65_536;

/** Each in memory of its own, since whoever sends it on may need it for a while. */
async function* chunksOf(body: ByteReader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const bytes = await body.read(chunk);
    if (bytes > 0) yield chunk.subarray(0, bytes);
    if (bytes < CHUNK) return;
  }
}

/**
 * Has a request answered by a process that serves media, where this one does not (`enable_media_repo: false`): both ways as it comes. Who asks is
 * found out there. Throws 503 where no such process is alive, and 502 where it dies over it.
 */
export async function handOn(
  { mediaProcesses, forwarder }: Pick<App, "mediaProcesses" | "forwarder">,
  { id, method, url, path, headers, ip, signal }: HttpRequest,
  body: ByteReader | undefined,
): Promise<ForwardedAnswer> {
  const request: Forwarded = { method, url, headers, ip, signal, body: body && chunksOf(body) };
  for (let attempt = 1; ; attempt++) {
    const process = await mediaProcesses.find(body ? id : path);
    if (!process) throw new MatrixError(503, "M_UNKNOWN", "No process of this server that serves media is running");
    try {
      return await forwarder.send(process, request);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      signal.throwIfAborted();
      // What is wrong with the body is the client's affair.
      if (error.cause instanceof MatrixError) throw error.cause;
      mediaProcesses.forget();
      // What was never sent has nothing of the body read.
      if (error.executed === "no" && attempt === 1) continue;
      throw new MatrixError(502, "M_UNKNOWN", error.message);
    }
  }
}
