import { MatrixError } from "../../errors";
import { own } from "../../lib/json";
import type { SentEvent } from "../../writers/intents";
import type { CheckedPdu } from "../../writers/checkedPdu";
import { storeWithState } from "../../writers/remoteRpc";
import type { App } from "../app";
import { areWeIn } from "./access";
import { type JoinAnswer, sendJoin } from "./asks";
import { checkPdu } from "./checkPdu";
import { createEventSink } from "./eventSink";
import { type FilledTemplate, type RemoteMembership, fillTemplate } from "./enter";
import type { JoinExtent } from "./joinedRoom";
import { sentOf } from "./outcomes";
import { askInTurn } from "./servers";

/**
 * Joins a room through another server (server-server API, "Joining Rooms"). Gives up with the refusal of the room's servers, with 502
 * when none can be reached or their answer does not hold water.
 */
export async function joinRemotely(app: App, hosts: readonly string[], membership: RemoteMembership): Promise<SentEvent> {
  const { roomId } = membership;
  const extent = await extentFor(app, roomId);
  const join = await askInTurn(hosts, "join the room", (host) => fillTemplate(app, host, membership));
  // Whoever made the template knows the events that it cites; others may not.
  const events = createEventSink(app, { roomId, version: join.version, arrays: ["state", "auth_chain"], isNew: true });
  const answer = await askInTurn([join.host], "join the room", (host) =>
    events.fill(() => sendJoin(app, host, { roomId, eventId: join.event.eventId, json: join.json, extent, events })),
  );
  const event = await signedByBoth(app, join, answer);
  const outcome = await storeWithState(app, {
    roomId,
    version: join.version.id,
    event,
    state: events.idsOf("state"),
    lacking: answer.lackingHosts && { via: join.host, hosts: answer.lackingHosts },
  });
  if (answer.lackingHosts) app.hints.give("partial_joins");
  return sentOf(app, event.eventId, outcome);
}

/**
 * Who is in the room already needs all of its members: those who came between the first join and this one would be in neither state, since
 * what is fetched behind is the state before the first.
 */
async function extentFor(app: App, roomId: string): Promise<JoinExtent> {
  const room = await app.caches.rooms.byId(roomId);
  return room && (await areWeIn(app, room)) ? "all" : "without_members";
}

/** Restricted joins come back with the signature of the server that vouches for them (server-server API, "Restricted rooms"). */
async function signedByBoth(app: App, join: FilledTemplate, { event }: JoinAnswer): Promise<CheckedPdu> {
  const ours = { eventId: join.event.eventId, json: join.json };
  if (own(join.event.content, "join_authorised_via_users_server") === undefined) return ours;
  const check = event ? await checkPdu(app, join.version, event) : undefined;
  if (!check || "fault" in check || check.event.eventId !== ours.eventId) {
    throw new MatrixError(502, "M_UNKNOWN", `${join.host} did not sign the join that it approved`);
  }
  return check.checked;
}
