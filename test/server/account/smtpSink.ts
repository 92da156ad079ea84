import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

export interface SmtpSink {
  readonly port: number;
  /** The mails that came, as they were sent. */
  readonly mails: string[];
  /** Resolves with the first link of the next mail. */
  nextLink(): Promise<string>;
  close(): Promise<void>;
}

/** A relay that takes every mail and keeps it. */
export async function createSmtpSink(): Promise<SmtpSink> {
  const mails: string[] = [];
  const waiting: ((mail: string) => void)[] = [];
  let taken = 0;
  const server = createServer((socket) => {
    let text = "";
    let inData = false;
    socket.write("220 sink\r\n");
    socket.on("data", (chunk) => {
      text += chunk.toString();
      for (;;) {
        const end = text.indexOf(inData ? "\r\n.\r\n" : "\r\n");
        if (end < 0) return;
        const part = text.slice(0, end);
        text = text.slice(end + (inData ? 5 : 2));
        if (inData) {
          mails.push(part);
          waiting.shift()?.(part);
        }
        const command = part.slice(0, 4).toUpperCase();
        if (command === "DATA" && !inData) socket.write("354 go on\r\n");
        else socket.write(command === "QUIT" ? "221 bye\r\n" : "250 fine\r\n");
        inData = command === "DATA" && !inData;
      }
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const linkOf = (mail: string): string => {
    taken++;
    const plain = mail.replace(/=\r\n/g, "").replace(/=3D/g, "=");
    return /https?:\/\/[^\s"<>]+/.exec(plain)?.[0] ?? "no link";
  };
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    async nextLink() {
      const here = mails[taken];
      return linkOf(here ?? (await new Promise<string>((resolve) => waiting.push(resolve))));
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
