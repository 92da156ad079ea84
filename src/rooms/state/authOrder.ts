import type { RoomEvent } from "../event";

/**
 * Events in an order in which each comes after those of them that it cites, so that they can be judged part by part. Those of a circle,
 * which only forgery makes, come last.
 */
export function inAuthOrder<E extends { readonly event: Pick<RoomEvent, "eventId" | "authEvents"> }>(events: readonly E[]): E[] {
  const byId = new Map(events.map((entry) => [entry.event.eventId, entry]));
  const followers = new Map<string, E[]>();
  const waitsFor = new Map<E, number>();
  const ordered: E[] = [];
  for (const entry of byId.values()) {
    const cited = new Set(entry.event.authEvents.filter((id) => byId.has(id)));
    waitsFor.set(entry, cited.size);
    if (cited.size === 0) ordered.push(entry);
    for (const id of cited) {
      const list = followers.get(id);
      if (list) list.push(entry);
      else followers.set(id, [entry]);
    }
  }
  for (let at = 0; at < ordered.length; at++) {
    for (const follower of followers.get(ordered[at]?.event.eventId ?? "") ?? []) {
      const left = (waitsFor.get(follower) ?? 0) - 1;
      waitsFor.set(follower, left);
      if (left === 0) ordered.push(follower);
    }
  }
  const inCircles = ordered.length < byId.size ? [...waitsFor].flatMap(([entry, left]) => (left > 0 ? entry : [])) : [];
  return [...ordered, ...inCircles];
}
