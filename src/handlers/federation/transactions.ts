import { MatrixError, badJson, limitExceeded } from "../../errors";
import { type JsonObject, type JsonValue, isJsonObject, own } from "../../lib/json";
import type { App } from "../app";
import { willPass } from "./outage";
import { receiveEdu } from "./receiveEdu";
import { type PduResult, receivePdus } from "./receivePdus";

/** Limits of a transaction (server-server API, "Transactions"). */
const MAX_PDUS = 50;
const MAX_EDUS = 100;
const RETRY_MS = 1_000;

export interface TransactionAnswer {
  /** By event id: empty, or why the event was not taken. */
  readonly pdus: Readonly<Record<string, PduResult>>;
}

/**
 * `PUT /send/{txnId}` (server-server API, "Transactions"). One transaction of a server at a time; one that comes again while it is being
 * worked on, or shortly after, gets the answer of the first.
 */
export function receiveTransaction(app: App, origin: string, txnId: string, body: JsonObject): Promise<TransactionAnswer> {
  const { transactions, origins, pace } = app.inFlight;
  const key = `${origin}\u0000${txnId}`;
  const known = transactions.get(key);
  if (known) return known;
  checkBurden(app, origin);
  const answer = origins.run(origin, () => pace.run(origin, () => work(app, origin, body))).finally(() => count(app, origin, -1));
  transactions.set(key, answer);
  answer.catch(() => transactions.delete(key));
  return answer;
}

/** A server that sends more than it waits for answers to is told to wait: bodies lie in memory meanwhile. Throws 429. */
function checkBurden(app: App, origin: string): void {
  if ((app.inFlight.perOrigin.get(origin) ?? 0) > app.config.rc_federation.reject_limit) throw limitExceeded(RETRY_MS);
  count(app, origin, 1);
}

function count({ inFlight: { perOrigin } }: App, origin: string, step: 1 | -1): void {
  const left = (perOrigin.get(origin) ?? 0) + step;
  if (left > 0) perOrigin.set(origin, left);
  else perOrigin.delete(origin);
}

async function work(app: App, origin: string, body: JsonObject): Promise<TransactionAnswer> {
  const pdus = listOf(body, "pdus", MAX_PDUS);
  const edus = listOf(body, "edus", MAX_EDUS);
  if (own(body, "origin") !== undefined && own(body, "origin") !== origin)
    throw badJson("origin is not the server that sends the transaction");
  const [results, used] = await Promise.allSettled([receivePdus(app, origin, pdus), receiveEdus(app, origin, edus)]);
  if (results.status === "rejected") throw results.reason;
  if (used.status === "rejected") throw used.reason;
  return { pdus: results.value };
}

function listOf(body: JsonObject, key: string, max: number): JsonValue[] {
  const list = own(body, key) ?? [];
  if (!Array.isArray(list)) throw badJson(`${key} must be an array`);
  if (list.length > max) throw new MatrixError(400, "M_BAD_JSON", `A transaction has at most ${max} ${key}`);
  return list;
}

/** In order, as later ones take the place of earlier ones. A failure concerns nobody but the EDU itself, unless it is to come again. */
async function receiveEdus(app: App, origin: string, edus: readonly JsonValue[]): Promise<void> {
  for (const edu of edus) {
    if (!isJsonObject(edu)) continue;
    try {
      await receiveEdu(app, origin, edu);
    } catch (error) {
      if (willPass(error)) throw error;
      app.log("synapse.federation.federation_server").warn("an EDU could not be used", { origin, error });
    }
  }
}
