import { MatrixError } from "../../errors";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { withPlainNumbers } from "../../lib/jsonLossless";
import type { App } from "../app";

type AskApp = Pick<App, "federation">;

const V1 = "/_matrix/federation/v1";
/** A user has so many devices at most that anybody could encrypt for; answers beyond this are refused. */
const MAX_BYTES = 50 * 1024 * 1024;
const MIN_TIMEOUT_MS = 1_000;
const MAX_TIMEOUT_MS = 30_000;

/** How long a client waits for other servers: what it says within reason, 10 s unless it does. */
export function patience(timeout: number | undefined): number {
  return Math.min(Math.max(timeout ?? 10_000, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
}

/** Why a server gave nothing, as clients see it under `failures`. */
export function failureOf(error: unknown): JsonObject {
  if (!(error instanceof MatrixError)) throw error;
  return { status: error.status >= 500 ? 503 : error.status, errcode: error.errcode, message: error.message };
}

/** `POST /user/keys/query`. */
export async function askKeys(
  app: AskApp,
  host: string,
  users: ReadonlyMap<string, readonly string[]>,
  timeoutMs: number,
): Promise<JsonObject> {
  const body = { device_keys: Object.fromEntries(Array.from(users, ([userId, devices]) => [userId, [...devices]])) };
  return ask(app, host, "query", body, timeoutMs);
}

/** `POST /user/keys/claim`. */
export async function askClaim(
  app: AskApp,
  host: string,
  wanted: readonly { userId: string; deviceId: string; algorithm: string }[],
  timeoutMs: number,
): Promise<JsonObject> {
  const users = new Map<string, Map<string, string>>();
  for (const { userId, deviceId, algorithm } of wanted) {
    users.set(userId, (users.get(userId) ?? new Map<string, string>()).set(deviceId, algorithm));
  }
  const body = { one_time_keys: Object.fromEntries(Array.from(users, ([userId, devices]) => [userId, Object.fromEntries(devices)])) };
  return ask(app, host, "claim", body, timeoutMs);
}

async function ask({ federation }: AskApp, host: string, what: string, body: JsonObject, timeoutMs: number): Promise<JsonObject> {
  const options = { timeoutMs, retries: "none", maxBytes: MAX_BYTES } as const;
  return withPlainNumbers(await federation.client.post(host, `${V1}/user/keys/${what}`, body, options)) as JsonObject;
}

/** `GET /user/devices`. */
export async function askDevices({ federation }: AskApp, host: string, userId: string): Promise<JsonObject> {
  const path = `${V1}/user/devices/${encodeURIComponent(userId)}`;
  return withPlainNumbers(await federation.client.get(host, path, { retries: "none", maxBytes: MAX_BYTES })) as JsonObject;
}

/** The members of an answer's field that belong to one of the users asked about. */
export function answerFor(answer: JsonObject, field: string, users: ReadonlyMap<string, unknown>): [string, JsonObject][] {
  const byUser = own(answer, field);
  if (!isJsonObject(byUser)) return [];
  return Object.entries(byUser).flatMap(([userId, value]: [string, JsonValue | undefined]): [string, JsonObject][] =>
    users.has(userId) && isJsonObject(value) ? [[userId, value]] : [],
  );
}
