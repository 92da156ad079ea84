import { LRUCache } from "lru-cache";
import { MatrixError } from "../errors";
import type { Config } from "../config/config";
import { isServerName } from "../config/checks";
import type { Clock } from "../lib/clock";
import type { JsonObject } from "../lib/json";
import { isJsonObject, parseJson } from "../lib/json";
import { LimiterFull, createLimiter } from "../lib/limiter";
import { type VerifyKey, verifyKeyFromBase64 } from "../rooms/signing";
import type { Db } from "../storage/db";
import { type ServerKeyRow, getServerKeys, putServerKeys } from "../storage/serverKeys";
import type { VerifyKeys } from "./federation";
import { fetchFromNotaries, fetchFromServer } from "./serverKeyFetch";
import type { KeyFetchDeps, KeyRequest } from "./serverKeyFetch";

export interface VerifyKeysDeps extends KeyFetchDeps {
  readonly config: Pick<Config, "trusted_key_servers" | "derived" | "old_signing_keys">;
  readonly db: Db;
  readonly allowed: (serverName: string) => boolean;
}

interface KnownKey {
  readonly row: ServerKeyRow;
  readonly key: VerifyKey;
}
type KnownKeys = Map<string, KnownKey>;

const MAX_SERVERS = 10_000;
/** A server that claims more is not believed for longer (server-server API, "Publishing Keys"). */
const MAX_TRUST_MS = 7 * 24 * 3_600_000;
/** Nobody makes us ask for a key again and again that does not exist. */
const MISSED_MS = 10_000;
const MAX_MISSED = 10_000;
/** Nor for so many that do not exist of one server: anybody may claim to be it, with any key. */
const MAX_MISSED_OF_SERVER = 10;
/** Servers whose keys are being fetched at once, and those that wait for that: each is a name that somebody claims to have. */
const MAX_FETCHES = 100;
const MAX_WAITING = 2_000;

const usableUntil = ({ row }: KnownKey): number => Math.min(row.validUntil, row.fetchedTs + MAX_TRUST_MS);

function usable(keys: KnownKeys, keyId: string, minValidUntil: number): VerifyKey | undefined {
  const found = keys.get(keyId);
  return found && usableUntil(found) >= minValidUntil ? found.key : undefined;
}

interface KeyStore {
  /** What is in memory of a server. */
  cached(serverName: string): KnownKeys | undefined;
  known(serverName: string): KnownKeys | Promise<KnownKeys>;
  store(serverName: string, rows: readonly ServerKeyRow[]): Promise<void>;
}

function createKeyStore(db: Db): KeyStore {
  const servers = new LRUCache<string, KnownKeys>({ max: MAX_SERVERS });
  const loading = new Map<string, Promise<KnownKeys>>();

  async function load(serverName: string): Promise<KnownKeys> {
    const keys: KnownKeys = new Map();
    for (const row of await getServerKeys(db, serverName)) learn(keys, row);
    servers.set(serverName, keys);
    return keys;
  }

  const known: KeyStore["known"] = (serverName) => servers.get(serverName) ?? once(loading, serverName, () => load(serverName));
  return {
    cached: (serverName) => servers.get(serverName),
    known,
    async store(serverName, rows) {
      if (rows.length === 0) return;
      const keys = await known(serverName);
      for (const row of rows) learn(keys, row);
      await putServerKeys(db, rows);
    },
  };
}

/** Creates `app.federation.keys`: memory, then the database, then notaries, then the server itself. */
export function createVerifyKeys(deps: VerifyKeysDeps): VerifyKeys {
  const { clock } = deps;
  const own = ownKeys(deps);
  const { cached, known, store } = createKeyStore(deps.db);
  const missed = createMisses(clock);
  const missedAsNotary = createMisses(clock);
  let questions = 0;
  const fetches = createLimiter(MAX_FETCHES, MAX_WAITING);
  const fetching = new Map<string, Promise<void>>();

  /** Rejects with 503 where too many keys are asked for. */
  function fetch(request: KeyRequest): Promise<void> {
    const { serverName, keyId, minValidUntil } = request;
    const work = async (): Promise<void> => {
      await store(serverName, await fetchFromNotaries(deps, request));
      if (!usable(await known(serverName), keyId, minValidUntil)) await refresh(serverName);
    };
    return once(fetching, `${serverName} ${keyId}`, () => fetches.run(work).catch(refused));
  }

  const refresh = (serverName: string): Promise<void> =>
    once(fetching, serverName, async () => store(serverName, await fetchFromServer(deps, serverName)));

  async function find(request: KeyRequest): Promise<VerifyKey | undefined> {
    const { serverName, keyId, minValidUntil } = request;
    const stored = usable(await known(serverName), keyId, minValidUntil);
    if (stored || !deps.allowed(serverName)) return stored;
    if (missed.has(serverName, keyId)) return undefined;
    await fetch(request);
    const fetched = usable(await known(serverName), keyId, minValidUntil);
    if (!fetched) missed.add(serverName, keyId);
    return fetched;
  }

  return {
    get(serverName, keyId, minValidUntil) {
      if (serverName === deps.serverName) return validAt(own.get(keyId), minValidUntil);
      const keys = cached(serverName);
      const key = keys && usable(keys, keyId, minValidUntil);
      if (key) return key;
      return keyId.startsWith("ed25519:") && isServerName(serverName) ? find({ serverName, keyId, minValidUntil }) : undefined;
    },
    async documents(serverName, wanted) {
      if (!isServerName(serverName)) return [];
      const isWanting = async (): Promise<boolean> => isStale(await known(serverName), wanted, clock.now());
      if (deps.allowed(serverName) && (await isWanting()) && !missedAsNotary.has(serverName, "")) {
        await fetches.run(() => refresh(serverName)).catch(refused);
        // counted whatever was wanted: anybody may ask a notary, and for anything
        if (await isWanting()) missedAsNotary.add(serverName, String(questions++));
      }
      const rows = [...(await known(serverName)).values()].map(({ row }) => row);
      return documentsOf(wanted.size === 0 ? rows : rows.filter(({ keyId }) => wanted.has(keyId)));
    },
  };
}

function refused(error: unknown): never {
  throw error instanceof LimiterFull ? new MatrixError(503, "M_UNKNOWN", "The keys of too many servers are being fetched") : error;
}

/** Keys that nobody knew lately. */
interface Misses {
  has(serverName: string, keyId: string): boolean;
  add(serverName: string, keyId: string): void;
}

function createMisses(clock: Pick<Clock, "now">): Misses {
  const servers = new LRUCache<string, Map<string, number>>({ max: MAX_MISSED });
  const lately = (at: number | undefined): boolean => at !== undefined && clock.now() - at < MISSED_MS;
  return {
    has(serverName, keyId) {
      const keys = servers.get(serverName);
      if (!keys) return false;
      return lately(keys.get(keyId)) || [...keys.values()].filter(lately).length >= MAX_MISSED_OF_SERVER;
    },
    add(serverName, keyId) {
      const before = servers.get(serverName) ?? [];
      servers.set(serverName, new Map([...[...before].filter(([, at]) => lately(at)), [keyId, clock.now()]]));
    },
  };
}

/** Whether the server must be asked before a notary answers. */
function isStale(keys: KnownKeys, wanted: ReadonlyMap<string, number>, now: number): boolean {
  if (wanted.size === 0) return [...keys.values()].every((key) => usableUntil(key) < now);
  return [...wanted].some(([keyId, until]) => (keys.get(keyId)?.row.validUntil ?? -1) < until);
}

/** Runs work once for all who ask for it meanwhile. */
function once<T>(running: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  let promise = running.get(key);
  if (!promise) running.set(key, (promise = work().finally(() => running.delete(key))));
  return promise;
}

/** An answer that shortens a validity takes nothing back: the server may have been made to give it. */
function learn(keys: KnownKeys, row: ServerKeyRow): void {
  const before = keys.get(row.keyId);
  if (before && before.row.validUntil > row.validUntil) return;
  const key = verifyKeyFromBase64(row.publicKey);
  if (key) keys.set(row.keyId, { row, key });
}

interface OwnKey {
  readonly key: VerifyKey;
  readonly validUntil: number;
}

const validAt = (own: OwnKey | undefined, ts: number): VerifyKey | undefined => (own && own.validUntil >= ts ? own.key : undefined);

function ownKeys({ config }: VerifyKeysDeps): Map<string, OwnKey> {
  const keys = new Map<string, OwnKey>();
  const add = (keyId: string, publicKey: string, validUntil: number): void => {
    const key = verifyKeyFromBase64(publicKey);
    if (key) keys.set(keyId, { key, validUntil });
  };
  for (const [keyId, { key, expired_ts: expired }] of Object.entries(config.old_signing_keys)) add(keyId, key, expired);
  for (const { keyId, publicKey } of config.derived.signingKeys) add(keyId, publicKey, Infinity);
  return keys;
}

/** Several keys may have come in one document. */
function documentsOf(rows: readonly ServerKeyRow[]): JsonObject[] {
  return [...new Set(rows.map(({ document }) => document))].map((text) => parseJson(text)).filter(isJsonObject);
}
