import { type MatrixError, badJson, invalidParam, missingParam } from "../../errors";
import type { ObjectSchema } from "../../lib/schema";
import { readText, type SchemaFailure } from "../../lib/validate";
import type { CompiledRoute } from "../../rest/router";
import { DEFAULT_MAX_BODY, parseBody, readBody } from "./body";
import type { Exchange } from "./exchange";
import { parseQuery } from "./query";
import { streamBody } from "./streamBody";

const NO_FIELDS = Object.freeze({});

/** The path parameters, decoded and checked. Throws 400 M_INVALID_PARAM. */
export function checkedParams(compiled: CompiledRoute, segments: readonly string[]): unknown {
  const checked = compiled.readParams(segments);
  if ("failure" in checked) throw textError("Path", checked.failure);
  return checked.value;
}

/** The query parameters. Throws 400 M_MISSING_PARAM or M_INVALID_PARAM. */
export function checkedQuery(exchange: Exchange, schema: ObjectSchema<unknown> | undefined): unknown {
  if (!schema) return NO_FIELDS;
  const checked = readText(schema, (name) => exchange.query(name));
  if ("failure" in checked) throw textError("Query", checked.failure);
  return checked.value;
}

function textError(where: "Path" | "Query" | "Form", { kind, path, message }: SchemaFailure): MatrixError {
  if (kind === "missing") return missingParam(`Missing required ${where.toLowerCase()} parameter '${path}'`);
  return invalidParam(`${where} parameter '${path}' ${message}`);
}

/** Reads, parses and checks the body of a route that has a schema for it. Throws 400, 408, 413. */
export async function checkedBody(exchange: Exchange, compiled: CompiledRoute): Promise<unknown> {
  const { body: schema, maxBody = DEFAULT_MAX_BODY, auth } = compiled.route.definition;
  if (!schema) return undefined;
  const { app, timeouts, budget, freeMemory } = exchange.listening;
  const maxBytes = typeof maxBody === "number" ? maxBody : maxBody(app);
  if (encodingOf(schema) === "stream") {
    const body = streamBody(exchange.raw, { maxBytes, idleMs: timeouts.body, freeMemory });
    // Node does not end a request of which only a part was read.
    exchange.res.once("close", () => body.abandon());
    return body;
  }
  const bytes = await readBody(exchange.raw, { maxBytes, timeoutMs: timeouts.body, budget });
  if (bytes.length === 0 && schema.isOptional) return undefined;
  if (isForm(schema)) return checkedForm(schema, bytes);
  const value = parseBody(bytes, auth === "federation" ? "lossless" : "doubles");
  const failure = compiled.checkBody?.(value);
  if (failure) throw bodyError(failure);
  return value;
}

function isForm(schema: object): schema is ObjectSchema<unknown> {
  return encodingOf(schema) === "form";
}

const encodingOf = (schema: object): string | undefined => (schema as { encoding?: string }).encoding;

function checkedForm(schema: ObjectSchema<unknown>, bytes: Buffer): unknown {
  const values = parseQuery(bytes.toString("latin1"));
  const checked = readText(schema, (name) => values.get(name));
  if ("failure" in checked) throw textError("Form", checked.failure);
  return checked.value;
}

function bodyError({ kind, path, message }: SchemaFailure): MatrixError {
  if (kind === "missing") return missingParam(`Missing required field '${path}'`);
  return badJson(path === "" ? `Content ${message}` : `Field '${path}' ${message}`);
}
