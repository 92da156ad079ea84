import fc from "fast-check";
import { AuthOrder } from "../../../../src/rooms/state/authOrder";

const entry = (eventId: string, authEvents: readonly string[]) => ({ event: { eventId, authEvents } });
type Entry = ReturnType<typeof entry>;

/** What comes out where this comes in one by one. */
function ordered(entries: readonly Entry[], settled: readonly string[] = []): { readonly ready: string[]; readonly rest: string[] } {
  const order = new AuthOrder<Entry>(new Set(settled));
  const ready = entries.flatMap((next) => {
    order.add(next);
    return idsOf(order.takeReady());
  });
  return { ready, rest: idsOf(order.takeRest()) };
}

const idsOf = (entries: readonly { event: { eventId: string } }[]): string[] => entries.map(({ event }) => event.eventId);

test("each event comes after those that it cites, whatever the order they came in", () => {
  const events = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 40 }).map((cites) =>
    // The nth cites some before it, and one that is not there.
    cites.map((list, n) => entry(`$${n}`, ["$elsewhere", ...(n === 0 ? [] : list.map((to) => `$${to % n}`))])),
  );
  const shuffled = events.chain((list) => fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }));
  fc.assert(
    fc.property(shuffled, (list) => {
      const inTime = ordered(list, ["$elsewhere"]);
      expect(inTime.rest).toEqual([]);
      const inVain = ordered(list);
      for (const order of [inTime.ready, [...inVain.ready, ...inVain.rest]]) {
        const at = new Map(order.map((id, i) => [id, i]));
        expect(at.size).toBe(list.length);
        for (const { event } of list) {
          for (const cited of event.authEvents) expect(at.get(cited) ?? -1).toBeLessThan(at.get(event.eventId) ?? -1);
        }
      }
    }),
  );
});

test("events that cite one another in a circle come last, and each event once", () => {
  const events = [entry("$a", ["$b"]), entry("$b", ["$a"]), entry("$c", ["$elsewhere"]), entry("$d", ["$c"])];
  expect(ordered(events)).toEqual({ ready: [], rest: ["$c", "$d", "$a", "$b"] });
  expect(ordered(events, ["$elsewhere"])).toEqual({ ready: ["$c", "$d"], rest: ["$a", "$b"] });
});
