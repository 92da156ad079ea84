import { MatrixError, invalidParam } from "../../errors";
import { redactUrl } from "../../observe/accessLog";
import { reply, type Reply } from "../../rest/reply";
import { DatabaseError, DatabaseUnavailableError, isExhausted } from "../../storage/databaseError";
import { ClientLeftError } from "./body";
import type { Exchange } from "./exchange";

/** The answer to a request that failed. What is not meant for clients is logged and told to them in general terms. */
export function answerOf(exchange: Exchange, error: unknown): Reply {
  if (error instanceof MatrixError) return matrixReply(error);
  if (error instanceof ClientLeftError || (exchange.left && isAbort(error))) return reply({ status: 499 });
  if (error instanceof DatabaseError && UNSTORABLE_TEXT.has(error.code)) return matrixReply(invalidParam(UNSTORABLE));
  const { log } = exchange.listening;
  const where = `${exchange.context.servlet}: ${exchange.method} ${redactUrl(exchange.url)}`;
  if (error instanceof DatabaseUnavailableError) {
    log.error(`The database is unavailable for ${where}: ${error.message}`);
    const body = { errcode: "M_UNKNOWN", error: "The server cannot reach its database" };
    return reply({ status: 503, headers: { "Retry-After": "5" }, body });
  }
  if (isExhausted(error)) {
    log.error(`The database has no room for ${where}: ${error.message}`);
    return reply({ status: 503, headers: { "Retry-After": "5" }, body: { errcode: "M_UNKNOWN", error: "The server is out of resources" } });
  }
  log.error(`Failed to handle ${where}`, { error });
  return reply({ status: 500, body: { errcode: "M_UNKNOWN", error: "Internal server error" } });
}

/**
 * SQLSTATE character_not_in_repertoire, and untranslatable_character for jsonb: a text of the request has U+0000 in it, which PostgreSQL
 * holds in no text. The statement and its transaction have done nothing. Where such a text has a meaning, as in events, it is never given
 * to the database as it is.
 */
const UNSTORABLE_TEXT: ReadonlySet<string> = new Set(["22021", "22P05"]);
const UNSTORABLE = "The request holds a character that cannot be stored (U+0000)";

function matrixReply(error: MatrixError): Reply {
  const retryAfter = error.extra["retry_after_ms"];
  const headers = typeof retryAfter === "number" ? { "Retry-After": String(Math.ceil(retryAfter / 1000)) } : {};
  return reply({ status: error.status, headers, body: error.body() });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
