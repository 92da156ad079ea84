import type { Socket } from "node:net";
import { createHmac, timingSafeEqual } from "node:crypto";
import { messageOf } from "./log";
import { encodeFrame, FrameReader } from "./tcpFrames";
import type { Frame } from "./tcpFrames";

/** How long a side says nothing at most, and how long the other waits for it. As in Synapse. */
export interface TcpTiming {
  /** Default 5000. */
  readonly pingMs?: number;
  /** Default 25000. */
  readonly silenceMs?: number;
}

export interface TcpPeerOptions extends TcpTiming {
  readonly onFrame: (frame: Frame) => void;
  /** Called once, also when this side ends the connection. */
  readonly onEnd: (reason: string) => void;
}

/** The end of a connection between the main process and a worker. */
export interface TcpPeer {
  send(frame: Buffer): void;
  /** Says why, then ends it. */
  refuse(reason: string): void;
  end(reason: string): void;
}

/** What may wait for a slow reader. Beyond, it is cut off, and reads what it misses from the database. Bytes. */
const MAX_WAITING = 32 * 1024 * 1024;
const LAST_WORDS_MS = 1_000;

/** Speaks frames over a socket, with signs of life both ways. */
export function openTcpPeer(socket: Socket, { onFrame, onEnd, pingMs = 5_000, silenceMs = 25_000 }: TcpPeerOptions): TcpPeer {
  const reader = new FrameReader();
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    clearTimeout(silence);
    clearInterval(pings);
    // What was said last still goes out, unless nobody takes it.
    socket.destroySoon();
    setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
    onEnd(reason);
  };
  const silence = setTimeout(() => end("no sign of life"), silenceMs).unref();
  const pings = setInterval(() => send(encodeFrame("ping")), pingMs).unref();
  const send = (frame: Buffer): void => {
    if (ended || !socket.writable) return;
    socket.write(frame);
    if (socket.writableLength > MAX_WAITING) end("it reads too slowly");
  };

  socket.setNoDelay(true);
  socket.on("data", (bytes: Buffer) => {
    silence.refresh();
    try {
      for (const frame of reader.push(bytes)) {
        if (ended) return;
        if (frame.verb === "error") end(frame.text);
        else if (frame.verb !== "ping") onFrame(frame);
      }
    } catch (error) {
      end(messageOf(error));
    }
  });
  socket.on("error", (error) => end(error.message));
  socket.on("close", () => end("the connection was closed"));
  return {
    send,
    end,
    refuse(reason) {
      send(encodeFrame("error", "", reason));
      end(reason);
    },
  };
}

/** Shows that a worker knows `worker_replication_secret`, without sending it; of no worth where there is none. */
export function proofOf(secret: string | undefined, challenge: string, name: string): string {
  return createHmac("sha256", secret ?? "")
    .update(`${challenge} ${name}`)
    .digest("hex");
}

export function isProof(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
