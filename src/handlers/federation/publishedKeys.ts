import type { JsonObject } from "../../lib/json";
import { signJson } from "../../rooms/signing";
import type { App } from "../app";

type KeysApp = Pick<App, "config" | "serverName" | "clock" | "signingKey" | "federation">;

/** Our own keys, signed with each (server-server API, "Publishing Keys"). */
export function ownKeyDocument({ config, serverName, clock }: Pick<App, "config" | "serverName" | "clock">): JsonObject {
  const { signingKeys } = config.derived;
  const document: JsonObject = {
    server_name: serverName,
    valid_until_ts: clock.now() + config.key_refresh_interval,
    verify_keys: Object.fromEntries(signingKeys.map(({ keyId, publicKey }) => [keyId, { key: publicKey }])),
    old_verify_keys: Object.fromEntries(
      Object.entries(config.old_signing_keys).map(([keyId, old]) => [keyId, { key: old.key, expired_ts: old.expired_ts }]),
    ),
  };
  return signingKeys.reduce<JsonObject>((signed, key) => signJson(signed, key), document);
}

/** Server name -> key id -> time at which the key must still be valid; no key ids for all keys. */
export type KeyQuery = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Servers of one query that are asked. */
const MAX_SERVERS = 100;

/** What a notary says: the documents of other servers with our signature (server-server API, "Querying Keys Through Another Server"). */
export async function notarise(app: KeysApp, query: KeyQuery): Promise<JsonObject> {
  const { federation, serverName, signingKey } = app;
  const found = await Promise.all(
    [...query].slice(0, MAX_SERVERS).map(async ([server, wanted]) => {
      if (server === serverName) return [ownKeyDocument(app)];
      return (await federation.keys.documents(server, wanted)).map((document) => signJson(document, signingKey));
    }),
  );
  return { server_keys: found.flat() };
}
