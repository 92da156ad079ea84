import { spawn, type ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { Writable } from "node:stream";
import type { LogRecord } from "./logger";

/** Severities of RFC 5424. */
const SEVERITIES: Readonly<Record<LogRecord["level"], number>> = { debug: 7, info: 6, warn: 4, error: 3 };
const FACILITIES = "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp security console solaris-cron".split(" ");

/** `<14>`: how syslog and the journal learn the level of a line. */
export function priorityPrefix(facility: string, level: LogRecord["level"]): string {
  const local = /^local([0-7])$/.exec(facility)?.[1];
  const number = local === undefined ? Math.max(0, FACILITIES.indexOf(facility)) : 16 + Number(local);
  return `<${number * 8 + SEVERITIES[level]}>`;
}

/** For the journal, which reads standard error: the level alone. */
export const journalPrefix = (level: LogRecord["level"]): string => `<${SEVERITIES[level]}>`;

/** Sends each line as a datagram. Datagrams may be lost; that is their nature. */
export function udpStream(host: string, port: number): Writable {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("error", () => undefined).unref();
  return new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, callback) {
      for (const line of chunk.split("\n")) if (line !== "") socket.send(line, port, host, () => undefined);
      callback();
    },
    final(callback) {
      socket.close(callback);
    },
  });
}

/** Feeds the `logger` program, since Node cannot write to the unix datagram socket of syslog. It is started again if it ends. */
export function loggerProgram(socketPath: string, tag: string, onTrouble: (message: string) => void): Writable {
  let child: ChildProcess | undefined;
  const start = (): ChildProcess => {
    const started = spawn("logger", ["--socket", socketPath, "--prio-prefix", "--tag", tag], { stdio: ["pipe", "ignore", "ignore"] });
    const lost = (error?: Error): void => {
      if (child === started) child = undefined;
      if (error) onTrouble(`cannot write to syslog: ${error.message}`);
    };
    started.on("error", lost).on("exit", () => lost());
    started.stdin?.on("error", () => undefined);
    return started;
  };
  return new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, callback) {
      child ??= start();
      if (child.stdin?.writable) child.stdin.write(chunk, () => callback());
      else callback();
    },
    final(callback) {
      child?.stdin?.end();
      callback();
    },
  });
}

const RETRY_MS = 5_000;

/** Sends lines over TCP to a collector; while it is away, the last `maximum` lines are kept, informational ones dropped first. */
export class TcpLines extends Writable {
  private readonly waiting: { readonly line: string; readonly important: boolean }[] = [];
  private socket: Socket | undefined;
  private isConnected = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: { readonly host: string; readonly port: number; readonly maximum: number }) {
    super({ decodeStrings: false });
    this.connect();
  }

  override _write(chunk: string, _encoding: BufferEncoding, callback: () => void): void {
    for (const line of chunk.split("\n")) {
      if (line === "") continue;
      this.waiting.push({ line: `${line}\n`, important: /"(WARNING|ERROR|CRITICAL)"/.test(line) });
      if (this.waiting.length > this.options.maximum) this.dropOne();
    }
    this.send();
    callback();
  }

  override _final(callback: () => void): void {
    clearTimeout(this.timer);
    this.send();
    if (this.isConnected) this.socket?.end(callback);
    else {
      this.socket?.destroy();
      callback();
    }
  }

  private dropOne(): void {
    const at = this.waiting.findIndex((item) => !item.important);
    this.waiting.splice(Math.max(0, at), 1);
  }

  private send(): void {
    if (!this.isConnected || this.socket?.writableNeedDrain) return;
    this.socket?.write(
      this.waiting
        .splice(0)
        .map((item) => item.line)
        .join(""),
    );
  }

  private connect(): void {
    const socket = connect(this.options.port, this.options.host);
    this.socket = socket;
    socket.unref();
    socket.on("connect", () => {
      this.isConnected = true;
      if (this.waiting.length > 0) this.send();
    });
    socket.on("drain", () => this.send());
    socket
      .on("error", () => undefined)
      .on("close", () => {
        this.isConnected = false;
        if (this.writableEnded) return;
        this.timer = setTimeout(() => this.connect(), RETRY_MS);
        this.timer.unref();
      });
  }
}
