import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

/** The way by which other servers reach one, which can be cut. */
export interface Relay {
  /** Ends all connections and takes none. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Passes on what comes to one port of this machine to another. */
export async function startRelay(from: number, to: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    track(near);
    if (isCut) return near.destroy();
    const far = track(connect(to, "127.0.0.1"));
    near.pipe(far).pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    return undefined;
  }).listen(from, "127.0.0.1");
  await once(server, "listening");
  const end = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    cut() {
      isCut = true;
      end();
    },
    mend() {
      isCut = false;
    },
    async close() {
      end();
      server.close();
      await once(server, "close");
    },
  };
}
