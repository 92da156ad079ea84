import { createHash } from "node:crypto";
import { MatrixError, missingParam } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { isUserId } from "../../rooms/ids";
import { identityBaseUrl, passOnIdentityError } from "../account/identityServers";
import type { App } from "../app";

type LookupApp = Pick<App, "accounts" | "log">;

export interface ThreepidAt {
  readonly idServer: string;
  readonly idAccessToken: string;
  readonly medium: string;
  readonly address: string;
}

/** Whose address it is, as an identity server has it (identity service API, "Association lookup"); undefined where it cannot or will not tell. */
export async function lookupThreepid(app: LookupApp, threepid: ThreepidAt): Promise<string | undefined> {
  const base = identityBaseUrl(threepid.idServer);
  const headers = { authorization: `Bearer ${threepid.idAccessToken}` };
  const web = app.accounts.guardedWeb;
  try {
    const details = await web.getJson(`${base}/hash_details`, headers);
    const { lookup_pepper: pepper } = details;
    const algorithm = algorithmOf(details);
    if (typeof pepper !== "string" || algorithm === undefined) return undefined;
    const plain = `${threepid.address} ${threepid.medium}`;
    const address = algorithm === "none" ? plain : createHash("sha256").update(`${plain} ${pepper}`).digest("base64url");
    const { mappings } = await web.postJson(`${base}/lookup`, { addresses: [address], algorithm, pepper }, headers);
    const userId = isJsonObject(mappings) ? own(mappings, address) : undefined;
    return typeof userId === "string" && isUserId(userId) ? userId : undefined;
  } catch (error) {
    // The address may all the same be invited, and whoever it belongs to learns of it when they bind it.
    app.log("synapse.handlers.identity").warn(`Failed to look up an address at ${threepid.idServer}`, { error });
    return undefined;
  }
}

function algorithmOf({ algorithms }: JsonObject): "sha256" | "none" | undefined {
  if (!Array.isArray(algorithms)) return undefined;
  return algorithms.includes("sha256") ? "sha256" : algorithms.includes("none") ? "none" : undefined;
}

/** What an identity server says of an invitation that it keeps. */
export interface StoredInvite {
  /** State key of the room's m.room.third_party_invite. */
  readonly token: string;
  readonly content: JsonObject;
}

/** Has an identity server keep an invitation, and tell the address of it (identity service API, "Invitation storage"). */
export async function storeInvite(app: LookupApp, threepid: ThreepidAt, about: JsonObject): Promise<StoredInvite> {
  const base = identityBaseUrl(threepid.idServer);
  const body: JsonObject = { ...about, medium: threepid.medium, address: threepid.address };
  const headers = { authorization: `Bearer ${threepid.idAccessToken}` };
  const answer = await app.accounts.guardedWeb.postJson(`${base}/store-invite`, body, headers).catch(passOnIdentityError);
  const { token, display_name: displayName } = answer;
  const keys = publicKeysOf(answer, `${base}/pubkey/isvalid`);
  const first = keys[0];
  if (typeof token !== "string" || !first) throw new MatrixError(502, "M_UNKNOWN", "The identity server did not say what it stored");
  return {
    token,
    content: {
      display_name: typeof displayName === "string" ? displayName : "",
      key_validity_url: first["key_validity_url"],
      public_key: first["public_key"],
      public_keys: keys,
    },
  };
}

/** Older identity servers give one key and say nothing of its validity. */
function publicKeysOf({ public_keys: list, public_key: single }: JsonObject, validityUrl: string): JsonObject[] {
  const keys = Array.isArray(list) ? list.filter(isJsonObject) : [];
  if (keys.length > 0) return keys;
  return typeof single === "string" ? [{ public_key: single, key_validity_url: validityUrl }] : [];
}

/** 400 where a client left out the token with which we ask in its name. */
export function requireToken(idAccessToken: string | undefined): string {
  if (idAccessToken === undefined) throw missingParam("id_access_token is required");
  return idAccessToken;
}
