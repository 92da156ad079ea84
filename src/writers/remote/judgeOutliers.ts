import type { RoomInfo } from "../../caches/rooms";
import { checkAuthEvents, lookupOf } from "../../rooms/auth/authEvents";
import type { CitedEvent } from "../../rooms/auth/authEvents";
import { checkAuth } from "../../rooms/auth/check";
import type { RoomEvent, Verdict } from "../../rooms/event";

/** An event with the verdict on it: null where it may stand, or why it may not. */
export interface JudgedEvent {
  readonly event: RoomEvent;
  readonly rejected: string | null;
}

/**
 * Judges events at the events that they cite (server-server API, "Checks performed on receipt of a PDU", 4), each after those that it
 * rests on. Gives them in that order. Left out are those that rest on what is neither stored nor among them, or in a circle on themselves.
 */
export function judgeOutliers(
  room: RoomInfo,
  events: ReadonlyMap<string, RoomEvent>,
  stored: (eventId: string) => CitedEvent | undefined,
): JudgedEvent[] {
  const judged = new Map<string, JudgedEvent>();
  const followers = new Map<string, RoomEvent[]>();
  const waitsFor = new Map<string, number>();
  const ready: RoomEvent[] = [];
  for (const event of events.values()) {
    const unjudged = restsOn(room, event).filter((id) => events.has(id));
    for (const id of unjudged) followers.set(id, [...(followers.get(id) ?? []), event]);
    waitsFor.set(event.eventId, unjudged.length);
    if (unjudged.length === 0) ready.push(event);
  }
  const cited = (id: string): CitedEvent | undefined => {
    const known = judged.get(id);
    return known ? { event: known.event, rejected: known.rejected !== null } : stored(id);
  };
  for (let event = ready.pop(); event; event = ready.pop()) {
    const rests = restsOn(room, event).map(cited);
    if (rests.every((rest) => rest !== undefined)) {
      const verdict = judge(room, event, rests as CitedEvent[]);
      judged.set(event.eventId, { event, rejected: verdict.allowed ? null : verdict.reason });
    }
    for (const follower of followers.get(event.eventId) ?? []) {
      const left = (waitsFor.get(follower.eventId) ?? 0) - 1;
      waitsFor.set(follower.eventId, left);
      if (left === 0) ready.push(follower);
    }
  }
  return [...judged.values()];
}

/** What an event cites; from version 12 on the create event too, for which the room id stands. */
export function restsOn({ version, roomId }: Pick<RoomInfo, "version" | "roomId">, event: RoomEvent): string[] {
  const cites = [...new Set(event.authEvents)];
  return version.auth.createInAuthEvents || event.type === "m.room.create" ? cites : [...cites, `$${roomId.slice(1)}`];
}

function judge({ version }: RoomInfo, event: RoomEvent, rests: readonly CitedEvent[]): Verdict {
  const names = new Set(event.authEvents);
  const cited = checkAuthEvents(
    version,
    event,
    rests.filter((rest) => names.has(rest.event.eventId)),
  );
  return cited.allowed ? checkAuth(version, event, lookupOf(rests.map((rest) => rest.event))) : cited;
}
