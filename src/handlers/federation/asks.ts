import { isServerName } from "../../config/checks";
import { MatrixError } from "../../errors";
import { type JsonObject, type JsonValue, isJsonObject, own } from "../../lib/json";
import { JsonText } from "../../lib/jsonText";
import { canonicalJson, quote } from "../../lib/canonicalJson";
import type { FederationRequestOptions } from "../../remote/federation";
import type { ElementSink } from "../../remote/largeAnswer";
import { roomVersions } from "../../rooms/versions";
import type { App } from "../app";
import { arrayIn, idsIn, objectIn, textIn } from "./answers";
import type { JoinExtent } from "./joinedRoom";
import { isUnknownEndpoint } from "./servers";

/** Requests of the server-server API about rooms and events. All throw what the client throws, and 502 for answers of the wrong form. */
type AskApp = Pick<App, "federation">;

const V1 = "/_matrix/federation/v1";
const V2 = "/_matrix/federation/v2";
const enc = encodeURIComponent;

export type Entering = "join" | "leave" | "knock";

export interface Template {
  /** Undefined from servers that know versions 1 and 2 alone. */
  readonly version: string | undefined;
  readonly event: JsonObject;
}

/** `GET /make_join`, `/make_leave` or `/make_knock`. */
export async function askTemplate(app: AskApp, host: string, action: Entering, roomId: string, userId: string): Promise<Template> {
  const query = action === "leave" ? {} : { ver: [...roomVersions.keys()] };
  const answer = await app.federation.client.get(host, `${V1}/make_${action}/${enc(roomId)}/${enc(userId)}`, { query });
  return { version: textIn(answer, "room_version"), event: objectIn(answer, "event") };
}

export interface JoinAnswer {
  /** Our join as the other server signed it, too. */
  readonly event: JsonObject | undefined;
  /** The servers in the room, where the state lacks members; undefined where it is whole. */
  readonly lackingHosts: readonly string[] | undefined;
}

export interface Join {
  readonly roomId: string;
  readonly eventId: string;
  readonly json: string;
  /** Whether the room's members may come later. */
  readonly extent: JoinExtent;
  /** Gets the events of `state` and `auth_chain`. */
  readonly events: ElementSink;
}

/** `PUT /send_join`, version 2 or, where that does not exist, 1. */
export async function sendJoin(app: AskApp, host: string, { roomId, eventId, json, extent, events }: Join): Promise<JoinAnswer> {
  // The first name is the specification's, the other that of servers which are older (MSC3706).
  const omits = extent === "without_members" ? "?omit_members=true&org.matrix.msc3706.partial_state=true" : "";
  const answer = await putEitherVersion(app, host, `send_join/${enc(roomId)}/${enc(eventId)}`, new JsonText(json), {
    query: omits,
    elements: events,
  });
  for (const array of events.arrays) arrayIn(answer, array);
  const event = own(answer, "event");
  return {
    event: isJsonObject(event) ? event : undefined,
    lackingHosts: omits === "" ? undefined : lackingHosts(answer),
  };
}

/** Servers beyond that are not sent to before the room is whole. */
const MAX_HOSTS = 20_000;

function lackingHosts(answer: JsonObject): string[] | undefined {
  if ((own(answer, "members_omitted") ?? own(answer, "org.matrix.msc3706.partial_state")) !== true) return undefined;
  const named = own(answer, "servers_in_room") ?? own(answer, "org.matrix.msc3706.servers_in_room");
  const hosts = Array.isArray(named) ? named.filter((host) => typeof host === "string" && isServerName(host)) : [];
  if (hosts.length === 0) throw new MatrixError(502, "M_UNKNOWN", "Another server left members out and did not say where they are");
  return [...new Set(hosts as string[])].slice(0, MAX_HOSTS);
}

/** `PUT /send_leave`, version 2 or 1. */
export async function sendLeave(app: AskApp, host: string, roomId: string, eventId: string, json: string): Promise<void> {
  await putEitherVersion(app, host, `send_leave/${enc(roomId)}/${enc(eventId)}`, new JsonText(json));
}

/** `PUT /send_knock`. Gives the stripped state of the room, unchecked. */
export async function sendKnock(app: AskApp, host: string, roomId: string, eventId: string, json: string): Promise<JsonValue | undefined> {
  const answer = await app.federation.client.put(host, `${V1}/send_knock/${enc(roomId)}/${enc(eventId)}`, new JsonText(json));
  return own(answer, "knock_room_state");
}

/** query: of version 2. */
async function putEitherVersion(
  app: AskApp,
  host: string,
  path: string,
  body: JsonText,
  { query = "", elements }: { readonly query?: string; readonly elements?: ElementSink } = {},
): Promise<JsonObject> {
  const options = elements ? { elements } : {};
  try {
    return await app.federation.client.put(host, `${V2}/${path}${query}`, body, options);
  } catch (error) {
    if (!isUnknownEndpoint(error)) throw error;
  }
  return app.federation.client.put(host, `${V1}/${path}`, body, options);
}

export interface InviteRequest {
  readonly roomId: string;
  readonly version: string;
  readonly eventId: string;
  readonly json: string;
  readonly strippedState: readonly JsonObject[];
}

/** `PUT /invite`, version 2; 1 in rooms of versions 1 and 2. Gives the event as the invitee's server signed it. */
export async function sendInvite(app: AskApp, host: string, request: InviteRequest): Promise<JsonObject> {
  const { roomId, version, eventId, json, strippedState } = request;
  const path = `invite/${enc(roomId)}/${enc(eventId)}`;
  const state = canonicalJson([...strippedState]);
  try {
    const body = new JsonText(`{"event":${json},"invite_room_state":${state},"room_version":${quote(version)}}`);
    return objectIn(await app.federation.client.put(host, `${V2}/${path}`, body), "event");
  } catch (error) {
    if (!isUnknownEndpoint(error) || (version !== "1" && version !== "2")) throw error;
  }
  // "unsigned" sorts behind all other members of an event.
  const body = new JsonText(`${json.slice(0, -1)},"unsigned":{"invite_room_state":${state}}}`);
  return objectIn(await app.federation.client.put(host, `${V1}/${path}`, body), "event");
}

/** `GET /event`. */
export async function askEvent(app: AskApp, host: string, eventId: string): Promise<JsonValue | undefined> {
  return arrayIn(await app.federation.client.get(host, `${V1}/event/${enc(eventId)}`), "pdus")[0];
}

/** Of auth chains, and of the ids of a state: of the largest rooms they are long. */
const MAX_CHAIN_BYTES = 100 * 1024 * 1024;

/** `GET /event_auth`: the auth chain of an event. */
export async function askEventAuth(app: AskApp, host: string, roomId: string, eventId: string): Promise<JsonValue[]> {
  const path = `${V1}/event_auth/${enc(roomId)}/${enc(eventId)}`;
  return arrayIn(await app.federation.client.get(host, path, { maxBytes: MAX_CHAIN_BYTES }), "auth_chain");
}

export interface StateIds {
  readonly state: readonly string[];
  readonly authChain: readonly string[];
}

/** `GET /state_ids`: the state before an event. */
export async function askStateIds(app: AskApp, host: string, roomId: string, eventId: string): Promise<StateIds> {
  const options = { query: { event_id: eventId }, maxBytes: MAX_CHAIN_BYTES };
  const answer = await app.federation.client.get(host, `${V1}/state_ids/${enc(roomId)}`, options);
  return { state: idsIn(answer, "pdu_ids"), authChain: idsIn(answer, "auth_chain_ids") };
}

/** `GET /state`: the same with whole events, which the sink gets: of `pdus` and `auth_chain`. */
export async function askState(app: AskApp, host: string, roomId: string, eventId: string, elements: ElementSink): Promise<void> {
  const answer = await app.federation.client.get(host, `${V1}/state/${enc(roomId)}`, { query: { event_id: eventId }, elements });
  for (const array of elements.arrays) arrayIn(answer, array);
}

export interface Gap {
  readonly earliest: readonly string[];
  readonly latest: readonly string[];
  readonly limit: number;
  readonly minDepth: number;
}

/** `POST /get_missing_events`. */
export async function askMissingEvents(app: AskApp, host: string, roomId: string, gap: Gap): Promise<JsonValue[]> {
  const body = { earliest_events: [...gap.earliest], latest_events: [...gap.latest], limit: gap.limit, min_depth: gap.minDepth };
  return arrayIn(await app.federation.client.post(host, `${V1}/get_missing_events/${enc(roomId)}`, body), "events");
}

/** `GET /backfill`: events before and with the given ones. */
export async function askBackfill(
  app: AskApp,
  host: string,
  roomId: string,
  eventIds: readonly string[],
  limit: number,
  patience: FederationRequestOptions,
): Promise<JsonValue[]> {
  return arrayIn(
    await app.federation.client.get(host, `${V1}/backfill/${enc(roomId)}`, { ...patience, query: { v: eventIds, limit } }),
    "pdus",
  );
}

/** `POST /_matrix/policy/v1/sign`: the policy server's signatures of an event. */
export function askPolicySignature(app: AskApp, host: string, json: string): Promise<JsonObject> {
  return app.federation.client.post(host, "/_matrix/policy/v1/sign", new JsonText(json), { timeoutMs: 10_000, retries: "none" });
}

/** `GET /rooms/{roomId}/complexity`, of Synapse. Somebody waits for it. */
export function askComplexity(app: AskApp, host: string, roomId: string): Promise<JsonObject> {
  const path = `/_matrix/federation/unstable/rooms/${enc(roomId)}/complexity`;
  return app.federation.client.get(host, path, { timeoutMs: 10_000, retries: "none" });
}

/** `GET /timestamp_to_event`. Somebody waits for it. */
export function askEventByTime(app: AskApp, host: string, roomId: string, ts: number, dir: "f" | "b"): Promise<JsonObject> {
  const query = { ts, dir };
  return app.federation.client.get(host, `${V1}/timestamp_to_event/${enc(roomId)}`, { query, timeoutMs: 10_000, retries: "none" });
}
