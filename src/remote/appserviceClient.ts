import type { AppService } from "../config/appservices";
import type { JsonValue } from "../lib/json";
import type { WebAnswer, WebClient } from "./webClient";

/** What is looked up of a third-party network (application service API, "Third-party networks"). */
export type ThirdPartyKind = "protocol" | "user" | "location";

export interface ThirdPartyQuery {
  readonly kind: ThirdPartyKind;
  /** Absent: what a Matrix id stands for, whatever the network. */
  readonly protocol: string | undefined;
  readonly fields: Readonly<Record<string, readonly string[]>>;
}

/** Requests to application services (specification: application service API). Network failures reject. */
export interface AppserviceClient {
  /** Rejects unless the service takes the transaction, whose body is JSON text. */
  send(service: AppService, transaction: { readonly txnId: number; readonly body: string }, signal: AbortSignal): Promise<void>;
  /** Whether the service has such a user or alias, which it makes before it answers. */
  has(service: AppService, kind: "user" | "alias", id: string): Promise<boolean>;
  /** Undefined where the service has no answer. */
  lookUp(service: AppService, query: ThirdPartyQuery): Promise<JsonValue | undefined>;
  ping(service: AppService, txnId: string | undefined): Promise<WebAnswer>;
}

interface Call {
  readonly method: "GET" | "POST" | "PUT";
  /** Below /_matrix/app/v1. */
  readonly path: string;
  /** Where services from before that prefix have it. */
  readonly legacyPath?: string;
  readonly query?: URLSearchParams;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

const isSuccess = ({ status }: WebAnswer): boolean => status >= 200 && status < 300;

/** The service does not know the path: that is no answer to the question asked (application service API, "Legacy routes"). */
function isUnknownEndpoint({ status, json }: WebAnswer): boolean {
  if (status !== 404 && status !== 405) return false;
  const errcode = typeof json === "object" && json !== null && !Array.isArray(json) ? json["errcode"] : undefined;
  return errcode === undefined || errcode === "M_UNRECOGNIZED";
}

/** legacyAuthorization: `use_appservice_legacy_authorization`, the token in the query as well. */
export function createAppserviceClient(web: WebClient, legacyAuthorization: "add" | "omit"): AppserviceClient {
  function exchange(service: AppService, path: string, { method, query, body, signal }: Call): Promise<WebAnswer> {
    if (service.url === undefined) throw new Error(`application service ${service.id} has no url`);
    const params = new URLSearchParams(query);
    if (legacyAuthorization === "add") params.set("access_token", service.hsToken);
    const suffix = params.size > 0 ? `?${params.toString()}` : "";
    return web.exchange(`${service.url}${path}${suffix}`, {
      method,
      headers: { authorization: `Bearer ${service.hsToken}` },
      body,
      signal,
    });
  }

  async function call(service: AppService, request: Call): Promise<WebAnswer> {
    const answer = await exchange(service, `/_matrix/app/v1${request.path}`, request);
    if (request.legacyPath === undefined || !isUnknownEndpoint(answer)) return answer;
    return exchange(service, request.legacyPath, request);
  }

  return {
    async send(service, { txnId, body }, signal) {
      const path = `/transactions/${txnId}`;
      const answer = await call(service, { method: "PUT", path, legacyPath: path, body, signal });
      if (!isSuccess(answer)) throw new Error(`the answer had status ${answer.status}`);
    },
    async has(service, kind, id) {
      const path = `/${kind === "user" ? "users" : "rooms"}/${encodeURIComponent(id)}`;
      return isSuccess(await call(service, { method: "GET", path, legacyPath: path }));
    },
    async lookUp(service, { kind, protocol, fields }) {
      const path = `/thirdparty/${kind}${protocol === undefined ? "" : `/${encodeURIComponent(protocol)}`}`;
      const query = new URLSearchParams(
        Object.entries(fields).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
      );
      const answer = await call(service, { method: "GET", path, legacyPath: `/_matrix/app/unstable${path}`, query });
      return isSuccess(answer) ? answer.json : undefined;
    },
    ping: (service, txnId) =>
      call(service, { method: "POST", path: "/ping", body: JSON.stringify(txnId === undefined ? {} : { transaction_id: txnId }) }),
  };
}
