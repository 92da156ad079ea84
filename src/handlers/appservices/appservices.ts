import type { LRUCache } from "lru-cache";
import type { AppService } from "../../config/appservices";
import type { Config } from "../../config/config";
import { MatrixError, notFound } from "../../errors";
import type { Clock } from "../../lib/clock";
import type { JsonObject, JsonValue } from "../../lib/json";
import { createLru } from "../../lib/lru";
import { createAppserviceClient } from "../../remote/appserviceClient";
import type { AppserviceClient } from "../../remote/appserviceClient";
import type { WebAnswer, WebClient } from "../../remote/webClient";
import type { AppserviceQuestion } from "../../writers/appserviceRpc";

export interface DescribedProtocol {
  /** Monotonic ms. */
  readonly until: number;
  readonly protocol: JsonObject;
}

const MAX_PROTOCOLS = 1_000;

/** What a process has for talking to application services. */
export interface Appservices {
  readonly client: AppserviceClient;
  /** What services said of their networks, by "service protocol". */
  readonly protocols: LRUCache<string, DescribedProtocol>;
  /** Asks one of them, from this process. */
  answer(question: AppserviceQuestion): Promise<JsonValue>;
  /** Called when a service has answered a ping: whatever waits for it may go at once. */
  readonly reached: Set<(service: AppService) => void>;
}

export function createAppservices(deps: {
  readonly config: Pick<Config, "derived" | "use_appservice_legacy_authorization">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly web: WebClient;
}): Appservices {
  const { config, clock, web } = deps;
  const client = createAppserviceClient(web, config.use_appservice_legacy_authorization ? "add" : "omit");
  const services = new Map(config.derived.appServices.map((service) => [service.id, service]));
  const reached: Appservices["reached"] = new Set();

  async function ping(service: AppService, txnId: string | undefined): Promise<JsonValue> {
    const begin = clock.monotonic();
    const answer = await client.ping(service, txnId).catch((error: unknown) => Promise.reject(asPingError(error)));
    const { status, text } = answer;
    if (status < 200 || status >= 300) throw badStatus(answer, text);
    for (const fn of reached) fn(service);
    return { duration_ms: Math.round(clock.monotonic() - begin) };
  }

  return {
    client,
    protocols: createLru(MAX_PROTOCOLS),
    reached,
    async answer(question) {
      const service = services.get(question.serviceId);
      if (!service) throw notFound("There is no such application service");
      if (question.kind === "ping") return ping(service, question.txnId);
      if (question.kind === "thirdparty") return (await client.lookUp(service, question.query)) ?? null;
      return client.has(service, question.kind, question.id);
    },
  };
}

const MAX_SHOWN = 4_096;

const badStatus = ({ status }: WebAnswer, text: string): MatrixError =>
  new MatrixError(502, "M_BAD_STATUS", `HTTP ${status} ${text.slice(0, 100)}`, { status, body: text.slice(0, MAX_SHOWN) });

/** Application service API, "Pinging": what kept the ping from being answered. */
function asPingError(error: unknown): MatrixError {
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.includes("TIMEOUT") || code === "ETIMEDOUT"
    ? new MatrixError(504, "M_CONNECTION_TIMEOUT", reason)
    : new MatrixError(502, "M_CONNECTION_FAILED", reason);
}
