import { hostOf } from "../../caches/memberships";
import { invalidParam, notFound } from "../../errors";
import { isUserId } from "../../rooms/ids";
import { insertEventReport, insertRoomReport, insertUserReport } from "../../storage/reports";
import { getUser } from "../../storage/users";
import type { App } from "../app";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";
import { findRoom, requireJoined } from "./access";
import { requireVisibleEvent } from "./history";

const MAX_REASON = 1000;

export interface EventReportRequest {
  readonly roomId: string;
  readonly eventId: string;
  readonly reason: string | undefined;
  readonly score: number | undefined;
}

/** Keeps a report of an event for the administrators (client-server API, "Reporting Content"). 404 for events that the user cannot see. */
export async function reportEvent(app: App, requester: Requester, request: EventReportRequest): Promise<void> {
  const { roomId, eventId, reason, score } = request;
  limitUser(app, requester, "rc_reports");
  const refused = (): never => {
    throw notFound("Unable to report event: it does not exist or you aren't able to see it.");
  };
  await requireJoined(app, requester.userId, roomId).catch(refused);
  await requireVisibleEvent(app, requester, eventId, roomId).catch(refused);
  const receivedTs = app.clock.now();
  await insertEventReport(app.db, {
    receivedTs,
    roomId,
    eventId,
    userId: requester.userId,
    reason: clean(reason) ?? null,
    score: score ?? null,
  });
}

/** The reporter need not be in the room. 404 for rooms that nobody here knows. */
export async function reportRoom(app: App, requester: Requester, roomId: string, reason: string): Promise<void> {
  limitUser(app, requester, "rc_reports");
  if (!(await findRoom(app, roomId))) throw notFound("Room does not exist");
  await insertRoomReport(app.db, { receivedTs: app.clock.now(), target: roomId, userId: requester.userId, reason: clean(reason) ?? "" });
}

/** 404 for users of this server that do not exist; of others nobody here knows whether they do. */
export async function reportUser(app: App, requester: Requester, userId: string, reason: string): Promise<void> {
  limitUser(app, requester, "rc_reports");
  if (!isUserId(userId)) throw invalidParam("Not a user id");
  if (hostOf(userId) === app.serverName && !(await getUser(app.db, userId))) throw notFound("User does not exist");
  await insertUserReport(app.db, { receivedTs: app.clock.now(), target: userId, userId: requester.userId, reason: clean(reason) ?? "" });
}

function clean(reason: string | undefined): string | undefined {
  if (reason !== undefined && reason.length > MAX_REASON) throw invalidParam(`Reason must be less than ${MAX_REASON} characters`);
  return reason?.replaceAll("\u0000", "");
}
