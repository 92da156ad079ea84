import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { DatabaseUnavailableError } from "./databaseError";
import type { DatabaseOptions, DatabaseTls } from "./databaseOptions";

type SocketOptions = Pick<DatabaseOptions, "host" | "port"> & {
  readonly tls: DatabaseTls;
  readonly keepAliveMs: number;
  readonly connectTimeoutMs: number;
};

/** 8 bytes: length and the code 80877103. The server answers S (go on with TLS) or N. */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** Opens the way to the server: connected, and encrypted as the options demand. */
export async function openSocket(options: SocketOptions): Promise<Socket> {
  const { host, port, tls } = options;
  if (host.startsWith("/")) return connected(connectTcp(`${host}/.s.PGSQL.${port}`), "connect", options);
  const plain = async (): Promise<Socket> => {
    const socket = await connected(connectTcp({ host, port, noDelay: true }), "connect", options);
    return socket.setKeepAlive(options.keepAliveMs > 0, options.keepAliveMs);
  };
  const socket = await plain();
  if (tls.mode === "disable") return socket;
  const optional = tls.mode === "prefer" || tls.mode === "allow";
  if (!(await offersTls(socket, options))) {
    if (optional) return socket;
    socket.destroy();
    throw new DatabaseUnavailableError(`sslmode is ${tls.mode}, but the server does not offer TLS`, "no", true);
  }
  try {
    return await connected(connectTls({ socket, ...tlsOptions(host, tls) }), "secureConnect", options);
  } catch (error) {
    socket.destroy();
    if (optional) return plain();
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw /CERT|ISSUER|VERIFY/.test(code)
      ? new DatabaseUnavailableError(`the server's certificate is refused: ${message}`, "no", true)
      : error;
  }
}

function offersTls(socket: Socket, options: SocketOptions): Promise<boolean> {
  socket.write(sslRequest);
  return settled(socket, "data", options, (data: Buffer) => {
    if (data[0] === 69) throw new Error("the server answered the request for TLS with an error");
    // One byte and no more: anything behind it was put there by somebody between us and the server (CVE-2021-23222).
    if (data.length !== 1) throw new DatabaseUnavailableError("the server sent data before TLS was negotiated", "no", true);
    return data[0] === 83;
  });
}

function tlsOptions(host: string, { mode, rootCert, cert, key }: DatabaseTls): ConnectionOptions {
  const verify = mode === "verify-ca" || mode === "verify-full" || (mode === "require" && rootCert !== undefined);
  return {
    // Without it an address would not be looked for in the certificate: Node would look for "localhost".
    host,
    servername: isIP(host) ? undefined : host,
    rejectUnauthorized: verify,
    ca: rootCert === "system" ? undefined : rootCert,
    cert,
    key,
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
}

function connected<S extends Socket>(socket: S, event: string, options: SocketOptions): Promise<S> {
  return settled(socket, event, options, () => socket);
}

/** Waits for `event`; an error, the end of the socket or the time limit ends the wait and destroys the socket. */
function settled<T>(socket: Socket, event: string, options: SocketOptions, result: (data: Buffer) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      socket.off(event, onEvent).off("error", onError).off("close", onClose);
      act();
    };
    const fail = (error: Error): void =>
      finish(() => {
        // An error that comes later than this one has nobody left to hear it, and would end the process.
        socket.on("error", () => undefined).destroy();
        reject(error);
      });
    const onEvent = (data: Buffer): void => {
      try {
        const value = result(data);
        finish(() => resolve(value));
      } catch (error) {
        fail(error as Error);
      }
    };
    const onError = (error: Error): void => fail(error);
    const onClose = (): void => fail(new Error("the server closed the connection"));
    const timer = setTimeout(() => fail(new Error(`no answer within ${options.connectTimeoutMs} ms`)), options.connectTimeoutMs);
    socket.on(event, onEvent).on("error", onError).on("close", onClose);
  });
}
