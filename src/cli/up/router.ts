import type { IncomingMessage, ServerResponse } from "node:http";
import { Server as TlsServer } from "node:https";
import type { Listener } from "../../config/types.generated";
import type { ProxyModel } from "../../roles/proxy/proxyModel";
import { DEFAULT_TIMEOUTS } from "../../server/http/listening";
import { createServer, openSockets } from "../../server/http/sockets";
import type { TlsFiles } from "../../server/http/sockets";
import { createChoose } from "./choose";
import { forward } from "./forward";
import { Target } from "./target";

export interface RouterOptions {
  /** Where clients and other servers come to. */
  readonly listener: Listener;
  readonly tls: TlsFiles | undefined;
  readonly model: ProxyModel;
  readonly say: (text: string) => void;
}

export interface Router {
  /** Takes a new certificate; connections that are open keep the old one. */
  reloadTls(tls: TlsFiles): void;
  close(): Promise<void>;
}

/** Who still waits for an answer at the end is left. */
const CLOSE_MS = 1_000;

/**
 * Stands in front of the processes of a server on this machine, where others have a reverse proxy: what belongs together goes to one
 * process, one that ends or freezes is passed over, and one that comes has its share. Throws ListenError where it cannot listen.
 */
export async function openRouter({ listener, tls, model, say }: RouterOptions): Promise<Router> {
  const all = [model.main, ...model.rules.flatMap((rule) => rule.targets)];
  const targets = new Map(
    Array.from(new Map(all.map((target) => [target.name, target])), ([name, target]) => [name, new Target(target, say)]),
  );
  const choose = createChoose(model, targets);
  const options = { choose, trusts: listener.x_forwarded, protocol: listener.tls ? ("https" as const) : ("http" as const) };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => void forward(request, response, options);
  await Promise.all(Array.from(targets.values(), (target) => target.watch()));
  const servers = await openSockets(listener, () => createServer(onRequest, DEFAULT_TIMEOUTS, listener.tls ? tls : undefined));
  return {
    reloadTls({ certificate, privateKey }) {
      for (const server of servers) if (server instanceof TlsServer) server.setSecureContext({ cert: certificate, key: privateKey });
    },
    async close() {
      const cut = setTimeout(() => servers.forEach((server) => server.closeAllConnections()), CLOSE_MS);
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      clearTimeout(cut);
      await Promise.all(Array.from(targets.values(), (target) => target.close()));
    },
  };
}
