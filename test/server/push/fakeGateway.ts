import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { eventually } from "../../builders/eventually";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies of any shape
type Notification = any;
/** What is answered to a notification: a status and JSON. */
type Responder = (notification: Notification) => readonly [number, unknown] | Promise<readonly [number, unknown]>;

/** A push gateway: keeps what it is sent, by pushkey. */
export interface FakeGateway {
  readonly url: string;
  /** Notifications for a pushkey, in order, also those that it did not take. */
  received(pushkey: string): Notification[];
  /** The same, once there are so many. */
  hears(pushkey: string, count: number): Promise<Notification[]>;
  /** Answers differently for a pushkey from now on; undefined: 200 {}. */
  respond(pushkey: string, responder: Responder | undefined): void;
  close(): Promise<void>;
}

const standard: Responder = () => [200, {}];

export async function createFakeGateway(): Promise<FakeGateway> {
  const received = new Map<string, Notification[]>();
  const responders = new Map<string, Responder>();
  const http = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const { notification } = JSON.parse(text);
      const { pushkey } = notification.devices[0];
      received.set(pushkey, [...(received.get(pushkey) ?? []), notification]);
      void Promise.resolve((responders.get(pushkey) ?? standard)(notification)).then(([status, body]) =>
        response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body)),
      );
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const of = (pushkey: string): Notification[] => received.get(pushkey) ?? [];
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/_matrix/push/v1/notify`,
    received: of,
    async hears(pushkey, count) {
      await eventually(() => of(pushkey).length >= count);
      return of(pushkey);
    },
    respond: (pushkey, responder) => void responders.set(pushkey, responder ?? standard),
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
