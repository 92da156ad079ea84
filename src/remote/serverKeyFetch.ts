import type { Config } from "../config/config";
import type { TrustedKeyServer } from "../config/types.generated";
import type { Clock } from "../lib/clock";
import { isJsonObject, own } from "../lib/json";
import type { JsonObject } from "../lib/json";
import type { Logger } from "../observe/logger";
import { signaturesBy, verifyJson, verifyKeyFromBase64 } from "../rooms/signing";
import type { ServerKeyRow } from "../storage/serverKeys";
import type { FederationClient } from "./federation";
import { MAX_DOCUMENT_BYTES, readKeyDocument } from "./serverKeyDocument";

export interface KeyFetchDeps {
  readonly config: Pick<Config, "trusted_key_servers">;
  readonly serverName: string;
  readonly client: FederationClient;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface KeyRequest {
  readonly serverName: string;
  readonly keyId: string;
  readonly minValidUntil: number;
}

const TIMEOUT_MS = 10_000;
/** Of a notary that may know several documents of the server. */
const MAX_ANSWER_BYTES = 16 * MAX_DOCUMENT_BYTES;

/** What the server itself says of its keys. Empty when it cannot be asked or answers nonsense. */
export async function fetchFromServer({ client, clock, log }: KeyFetchDeps, serverName: string): Promise<ServerKeyRow[]> {
  try {
    // It has to be asked even when it did not answer lately: this may be to check that it is back.
    const options = { timeoutMs: TIMEOUT_MS, maxBytes: 2 * MAX_DOCUMENT_BYTES, retries: "none", ignoreBackoff: true } as const;
    const answer = await client.get(serverName, "/_matrix/key/v2/server", options);
    const rows = readKeyDocument(answer, serverName, clock.now());
    if (!rows) log.warn(`the keys that ${serverName} publishes are not its own`);
    return rows ?? [];
  } catch (error) {
    log.info(() => `cannot get the keys of ${serverName}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

/** What the notaries (`trusted_key_servers`) know, asked in turn until one has the key. */
export async function fetchFromNotaries(deps: KeyFetchDeps, request: KeyRequest): Promise<ServerKeyRow[]> {
  const found: ServerKeyRow[] = [];
  for (const notary of deps.config.trusted_key_servers) {
    if (notary.server_name === deps.serverName || notary.server_name === request.serverName) continue;
    found.push(...(await askNotary(deps, notary, request)));
    if (found.some((row) => row.keyId === request.keyId && row.validUntil >= request.minValidUntil)) break;
  }
  return found;
}

async function askNotary({ client, clock, log }: KeyFetchDeps, notary: TrustedKeyServer, request: KeyRequest): Promise<ServerKeyRow[]> {
  const { serverName, keyId, minValidUntil } = request;
  const body: JsonObject = { server_keys: { [serverName]: { [keyId]: { minimum_valid_until_ts: minValidUntil } } } };
  let answer: JsonObject;
  try {
    answer = await client.post(notary.server_name, "/_matrix/key/v2/query", body, {
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      retries: "none",
    });
  } catch (error) {
    log.info(
      () => `${notary.server_name} does not tell the keys of ${serverName}: ${error instanceof Error ? error.message : String(error)}`,
    );
    return [];
  }
  const documents = own(answer, "server_keys");
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    if (!isJsonObject(document) || !isVouchedFor(document, notary)) return [];
    return readKeyDocument(document, serverName, clock.now()) ?? [];
  });
}

/** Without keys in the configuration it is the notary's certificate that we trust. */
function isVouchedFor(document: JsonObject, { server_name: serverName, verify_keys: keys }: TrustedKeyServer): boolean {
  if (Object.keys(keys).length === 0) return true;
  for (const keyId of signaturesBy(document, serverName).keys()) {
    const text = keys[keyId];
    const key = text === undefined ? undefined : verifyKeyFromBase64(text);
    if (key && verifyJson(document, { serverName, keyId, key })) return true;
  }
  return false;
}
