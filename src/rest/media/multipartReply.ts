import type { ServedFile } from "../../handlers/media/download";
import type { ByteSource } from "../../lib/byteSource";
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

function framed(file: ByteSource, { head, tail }: { head: Buffer; tail: Buffer }): ByteSource {
  async function* frame(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* file;
    yield tail;
  }
  return { [Symbol.asyncIterator]: frame, destroy: () => file.destroy() };
}
