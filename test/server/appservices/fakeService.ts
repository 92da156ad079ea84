import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../builders/eventually";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies of any shape
  readonly body: any;
}

/** What is answered: a status and JSON. */
export type Responder = (request: ReceivedRequest) => readonly [number, unknown] | Promise<readonly [number, unknown]>;

/** An application service: keeps what it is sent. */
export interface FakeService {
  readonly url: string;
  readonly asToken: string;
  /** Its registration file. */
  readonly file: string;
  readonly requests: ReceivedRequest[];
  /** Transactions that it took, in order: id and body. */
  taken(): { readonly id: string; readonly body: ReceivedRequest["body"] }[];
  /** Events of the transactions that it took. */
  events(): ReceivedRequest["body"][];
  ephemeral(type: string): ReceivedRequest["body"][];
  /** Resolves when an event that it took passes the test. */
  hears(test: (event: ReceivedRequest["body"]) => boolean): Promise<ReceivedRequest["body"]>;
  /** Answers differently from now on; undefined: 200 {} for transactions, and 404 M_NOT_FOUND for the rest. */
  respond(responder: Responder | undefined): void;
  close(): Promise<void>;
}

const standard: Responder = ({ path }) => (path.includes("/transactions/") ? [200, {}] : [404, { errcode: "M_NOT_FOUND", error: "no" }]);

export async function createFakeService(id: string, registration: Readonly<Record<string, unknown>>): Promise<FakeService> {
  const requests: ReceivedRequest[] = [];
  const taken: { id: string; body: ReceivedRequest["body"] }[] = [];
  let responder = standard;
  const http = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      const received: ReceivedRequest = {
        method: request.method ?? "",
        path: decodeURIComponent(pathname),
        query: searchParams,
        authorization: request.headers.authorization,
        body: text === "" ? undefined : JSON.parse(text),
      };
      requests.push(received);
      void Promise.resolve(responder(received)).then(([status, body]) => {
        const txnId = /\/transactions\/(\d+)$/.exec(received.path)?.[1];
        if (txnId !== undefined && status === 200) taken.push({ id: txnId, body: received.body });
        response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
      });
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const directory = mkdtempSync(join(tmpdir(), "appservice-"));
  const file = join(directory, "registration.yaml");
  const asToken = `as-${id}`;
  const namespaces = { users: [], aliases: [], rooms: [] };
  writeFileSync(
    file,
    JSON.stringify({ id, url, as_token: asToken, hs_token: `hs-${id}`, sender_localpart: `_${id}_bot`, namespaces, ...registration }),
  );
  const service: FakeService = {
    url,
    asToken,
    file,
    requests,
    taken: () => taken,
    events: () => taken.flatMap(({ body }) => body.events),
    ephemeral: (type) => taken.flatMap(({ body }) => body.ephemeral ?? []).filter((event: { type: string }) => event.type === type),
    async hears(test) {
      await eventually(() => service.events().some(test));
      return service.events().find(test);
    },
    respond: (next) => void (responder = next ?? standard),
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
  return service;
}
