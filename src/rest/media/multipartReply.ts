import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ServedFile } from "../../handlers/media/download";
import { reply } from "../reply";
import type { Reply } from "../reply";
import { fileHeaders } from "./fileReply";

/** A file for another server: behind some JSON about it, which says nothing yet (server-server API, "Content repository"). */
export async function multipartReply(served: ServedFile, boundary: string): Promise<Reply> {
  const file = await served.open();
  const head = Buffer.from(
    `--${boundary}\r\nContent-Type: application/json\r\n\r\n{}\r\n--${boundary}\r\n` +
      Object.entries(fileHeaders(served))
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("") +
      "\r\n",
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const headers = {
    "Content-Type": `multipart/mixed; boundary=${boundary}`,
    "Content-Length": String(head.length + file.size + tail.length),
  };
  return reply({ headers, body: framed(file.read(), { head, tail }) });
}

/** Ends the file when whoever reads it leaves, and the other way round. */
function framed(file: Readable, { head, tail }: { head: Buffer; tail: Buffer }): Readable {
  const out = new PassThrough();
  const frame = async function* (): AsyncGenerator<Buffer> {
    yield head;
    yield* file as AsyncIterable<Buffer>;
    yield tail;
  };
  out.once("close", () => file.destroy());
  pipeline(frame, out).catch((error: unknown) => out.destroy(error as Error));
  return out;
}
