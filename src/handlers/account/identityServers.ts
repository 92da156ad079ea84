import { badJson, MatrixError } from "../../errors";
import { canonicalJson } from "../../lib/canonicalJson";
import type { JsonObject } from "../../lib/json";
import { WebError } from "../../remote/webClient";
import type { WebClient } from "../../remote/webClient";
import type { OwnSigningKey } from "../../rooms/signing";
import { addBinding, deleteBinding, getBindings } from "../../storage/threepids";
import type { AccountsApp } from "../auth/accounts";
import type { App } from "../app";

export type IdentityApp = Pick<AccountsApp, "db" | "serverName" | "accounts"> & Pick<App, "signingKey">;

/** Where the API of an identity server is. Throws 400 for what is no host with an optional port. */
export function identityBaseUrl(idServer: string): string {
  if (!/^[A-Za-z0-9.\-[\]:]+$/.test(idServer) || !URL.canParse(`https://${idServer}`)) {
    throw new MatrixError(400, "M_INVALID_PARAM", "id_server must be a valid hostname with optional port");
  }
  return `https://${idServer}/_matrix/identity/v2`;
}

/** Errors of the identity server reach the client as they are (specification: POST /account/3pid/bind). */
export function passOnIdentityError(error: unknown): never {
  if (error instanceof WebError && typeof error.body?.["errcode"] === "string") {
    const { errcode, error: message, ...extra } = error.body;
    throw new MatrixError(error.status, String(errcode), typeof message === "string" ? message : "The identity server refused", extra);
  }
  throw new MatrixError(502, "M_UNKNOWN", "Failed to contact the identity server");
}

/** Binds an address that the identity server validated to the user. Remembers where, so that it can be unbound. */
export async function bindThreepid(
  app: IdentityApp,
  userId: string,
  given: { readonly idServer: string; readonly idAccessToken: string; readonly sid: string; readonly clientSecret: string },
): Promise<void> {
  const body: JsonObject = { sid: given.sid, client_secret: given.clientSecret, mxid: userId };
  const answer = await app.accounts.guardedWeb
    .postJson(`${identityBaseUrl(given.idServer)}/3pid/bind`, body, { authorization: `Bearer ${given.idAccessToken}` })
    .catch(passOnIdentityError);
  const { medium, address } = answer;
  if (typeof medium !== "string" || typeof address !== "string") throw badJson("The identity server did not say what it bound");
  await addBinding(app.db, userId, { medium, address, idServer: given.idServer });
}

/** `Authorization: X-Matrix ...` of a request to a server that is no homeserver. */
function signRequest(key: OwnSigningKey, serverName: string, request: { uri: string; destination: string; content: JsonObject }): string {
  const signed = { method: "POST", uri: request.uri, origin: serverName, destination: request.destination, content: request.content };
  const signature = key.sign(canonicalJson(signed));
  return `X-Matrix origin="${serverName}",key="${key.keyId}",sig="${signature}",destination="${request.destination}"`;
}

async function unbindAt(app: IdentityApp, web: WebClient, userId: string, idServer: string, threepid: JsonObject): Promise<boolean> {
  const content: JsonObject = { mxid: userId, threepid };
  const authorization = signRequest(app.signingKey, app.serverName, {
    uri: "/_matrix/identity/v2/3pid/unbind",
    destination: idServer,
    content,
  });
  try {
    await web.postJson(`${identityBaseUrl(idServer)}/3pid/unbind`, content, { authorization });
    return true;
  } catch (error) {
    // These say that the server does not do unbinding, or knows no such binding.
    if (error instanceof WebError && [400, 404, 501].includes(error.status)) return false;
    return passOnIdentityError(error);
  }
}

/** Unbinds at the given identity server, or wherever the address was bound through this server. Gives whether all of them did. */
export async function unbindThreepid(
  app: IdentityApp,
  userId: string,
  threepid: { readonly medium: string; readonly address: string },
  idServer?: string,
): Promise<boolean> {
  const known = await getBindings(app.db, userId);
  const servers =
    idServer === undefined
      ? known.filter((b) => b.medium === threepid.medium && b.address === threepid.address).map((b) => b.idServer)
      : [idServer];
  const results = await Promise.all(
    servers.map(async (server) => {
      const done = await unbindAt(app, app.accounts.guardedWeb, userId, server, { medium: threepid.medium, address: threepid.address });
      await deleteBinding(app.db, userId, { medium: threepid.medium, address: threepid.address, idServer: server });
      return done;
    }),
  );
  return results.length > 0 && results.every(Boolean);
}
