import fc from "fast-check";
import { inAuthOrder } from "../../../../src/rooms/state/authOrder";

const entry = (eventId: string, authEvents: readonly string[]) => ({ event: { eventId, authEvents } });
const idsOf = (entries: readonly { event: { eventId: string } }[]): string[] => entries.map(({ event }) => event.eventId);

test("each event comes after those that it cites, whatever the order they came in", () => {
  const events = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 40 }).map((cites) =>
    // The nth cites some before it, and one that is not there.
    cites.map((list, n) => entry(`$${n}`, ["$elsewhere", ...(n === 0 ? [] : list.map((to) => `$${to % n}`))])),
  );
  const shuffled = events.chain((list) => fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }));
  fc.assert(
    fc.property(shuffled, (list) => {
      const ordered = inAuthOrder(list);
      const at = new Map(idsOf(ordered).map((id, i) => [id, i]));
      expect(at.size).toBe(list.length);
      for (const { event } of ordered) {
        for (const cited of event.authEvents) expect(at.get(cited) ?? -1).toBeLessThan(at.get(event.eventId) ?? -1);
      }
    }),
  );
});

test("events that cite one another in a circle come last, and each event once", () => {
  const events = [entry("$a", ["$b"]), entry("$b", ["$a"]), entry("$c", []), entry("$c", []), entry("$d", ["$c"])];
  expect(idsOf(inAuthOrder(events))).toEqual(["$c", "$d", "$a", "$b"]);
});
