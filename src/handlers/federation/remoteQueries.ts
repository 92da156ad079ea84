import { MatrixError, notFound } from "../../errors";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { withPlainNumbers } from "../../lib/jsonLossless";
import { hostOf } from "../../caches/memberships";
import { FederationError } from "../../remote/federationErrors";
import { fitsId } from "../../rooms/ids";
import type { App } from "../app";
import type { DirectoryRequest } from "../rooms/publicRooms";

type AskApp = Pick<App, "federation">;

const V1 = "/_matrix/federation/v1";
/** Somebody waits: the one attempt has so long, however slowly the answer drips. ms */
const TIMEOUT_MS = 20_000;
const MAX_BYTES = 5 * 1024 * 1024;
const options = { timeoutMs: TIMEOUT_MS, totalMs: TIMEOUT_MS, retries: "none", ignoreBackoff: true, maxBytes: MAX_BYTES } as const;

/** Another server has nothing of that name. Other errors of it are no business of the client. */
function asClientError(error: unknown, missing: string): unknown {
  if (!(error instanceof FederationError)) return error;
  return error.status === 404
    ? notFound(missing)
    : new MatrixError(502, "M_UNKNOWN", `${error.destination} refused to answer: ${error.message}`);
}

/** The profile of a user of another server. 404 where there is none. */
export async function askProfile({ federation }: AskApp, userId: string): Promise<JsonObject> {
  try {
    const answer = await federation.client.get(hostOf(userId), `${V1}/query/profile`, { ...options, query: { user_id: userId } });
    return withPlainNumbers(answer) as JsonObject;
  } catch (error) {
    throw asClientError(error, "Profile was not found");
  }
}

/** Where an alias of another server points. 404 where there is no such alias. */
export async function askAlias({ federation }: AskApp, alias: string): Promise<{ roomId: string; servers: string[] }> {
  let answer: JsonObject;
  try {
    answer = await federation.client.get(hostOf(alias), `${V1}/query/directory`, { ...options, query: { room_alias: alias } });
  } catch (error) {
    throw asClientError(error, `Room alias ${alias} not found`);
  }
  const roomId = own(answer, "room_id");
  const servers = own(answer, "servers");
  if (typeof roomId !== "string" || !roomId.startsWith("!") || !fitsId(roomId)) throw notFound(`Room alias ${alias} not found`);
  return { roomId, servers: Array.isArray(servers) ? servers.filter((server) => typeof server === "string") : [] };
}

/** A page of another server's room directory. */
export async function askPublicRooms({ federation }: AskApp, server: string, request: DirectoryRequest): Promise<JsonObject> {
  const { limit, since, search, types, networks } = request;
  const choice = { include_all_networks: networks?.all ?? false, third_party_instance_id: networks?.instanceId };
  try {
    const answer =
      search === undefined && types === undefined
        ? await federation.client.get(server, `${V1}/publicRooms`, {
            ...options,
            query: { limit, since, ...choice, include_all_networks: String(choice.include_all_networks) },
          })
        : await federation.client.post(
            server,
            `${V1}/publicRooms`,
            { limit, since, ...choice, filter: { generic_search_term: search, room_types: types && [...types] } },
            options,
          );
    const chunk = own(answer, "chunk");
    if (!Array.isArray(chunk) || !chunk.every(isJsonObject)) throw new MatrixError(502, "M_UNKNOWN", `${server} answered without rooms`);
    return withPlainNumbers(answer) as JsonObject;
  } catch (error) {
    throw asClientError(error, "That server has no room directory");
  }
}
