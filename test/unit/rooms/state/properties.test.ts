import fc from "fast-check";
import type { RoomEvent } from "../../../../src/rooms/event";
import { conflictedIds, splitStates } from "../../../../src/rooms/state/conflict";
import { resolveState, resolveSteps } from "../../../../src/rooms/state/resolve";
import { type StateMap, splitStateKey, stateKeyOf } from "../../../../src/rooms/state/stateMap";
import type { Branch, Dag } from "../fixtures/dag";
import { plainResolve } from "../fixtures/plainResolver";
import { CREATOR, requireVersion } from "../fixtures/room";
import { act, story } from "../fixtures/story";

const shuffled = <T>(items: Iterable<T>, by: number): T[] => {
  const list = [...items];
  for (let i = list.length - 1, seed = by + 1; i > 0; i--) {
    seed = (seed * 48_271) % 2_147_483_647;
    const j = seed % (i + 1);
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
};

const states = (tips: readonly Branch[]): StateMap[] => tips.map(({ state }) => state);
const sorted = (state: StateMap): [string, string][] => [...state].sort(([a], [b]) => (a < b ? -1 : 1));

function resolved(version: string, sets: readonly StateMap[], room: Dag): StateMap {
  const result = resolveState(requireVersion(version), sets, room.context);
  if ("missing" in result) throw new Error("missing");
  return result.state;
}

describe.each(["1", "2", "6", "11", "12"])("version %s", (version) => {
  const runs = { numRuns: 150 };

  test("the order of sets and of their entries does not matter", () => {
    fc.assert(
      fc.property(story, fc.nat(), (steps, seed) => {
        const { room, tips } = act(version, steps);
        const sets = shuffled(states(tips), seed).map((set) => new Map(shuffled(set, seed)));
        expect(sorted(resolved(version, sets, room))).toEqual(sorted(resolved(version, states(tips), room)));
      }),
      runs,
    );
  });

  test("the result is made of the sets, and keeps what they agree on", () => {
    fc.assert(
      fc.property(story, (steps) => {
        const { room, tips } = act(version, steps);
        const sets = states(tips);
        const result = resolved(version, sets, room);
        const known = new Set(sets.flatMap((set) => [...set.values()]));
        for (const [key, eventId] of splitStates(requireVersion(version), sets).unconflicted) expect(result.get(key)).toBe(eventId);
        for (const [key, eventId] of result) {
          const event = room.events.get(eventId) as RoomEvent;
          expect(stateKeyOf(event.type, event.stateKey ?? "")).toBe(key);
          if (version === "1") expect(known).toContain(eventId);
        }
        expect(result.get(stateKeyOf("m.room.create", ""))).toBeDefined();
      }),
      runs,
    );
  });

  test("events can be loaded on demand, and work comes in slices", () => {
    fc.assert(
      fc.property(story, (steps) => {
        const { room, tips } = act(version, steps);
        const loaded = new Map<string, RoomEvent>();
        const conflict = splitStates(requireVersion(version), states(tips));
        for (let rounds = 0; rounds < 1_000; rounds++) {
          const run = resolveSteps(requireVersion(version), conflict, { event: (eventId) => loaded.get(eventId) });
          let next = run.next();
          while (!next.done) next = run.next();
          if (!("missing" in next.value)) {
            const state = new Map([...conflict.unconflicted, ...next.value.settled]);
            expect(sorted(state)).toEqual(sorted(resolved(version, states(tips), room)));
            return;
          }
          expect(next.value.missing.length).toBeGreaterThan(0);
          for (const eventId of next.value.missing) {
            expect(loaded.has(eventId)).toBe(false);
            loaded.set(eventId, room.events.get(eventId) as RoomEvent);
          }
        }
        throw new Error("never satisfied");
      }),
      runs,
    );
  });

  if (version === "1") return;

  test("it does what the specification says, word by word", () => {
    fc.assert(
      fc.property(story, (steps) => {
        const { room, tips } = act(version, steps);
        expect(sorted(resolved(version, states(tips), room))).toEqual(sorted(plainResolve(room.events, states(tips))));
      }),
      { numRuns: 400 },
    );
  });
});

test("a lost event does not stop resolution", () => {
  const { room, tips } = act("11", []);
  const [tip] = tips;
  if (!tip) throw new Error("no tip");
  const [one, two] = [tip.topic(CREATOR, "one"), tip.topic(CREATOR, "two")];
  const lost = one.last?.eventId;
  const result = resolveState(requireVersion("11"), states([one, two]), {
    event: (eventId) => (eventId === lost ? null : room.events.get(eventId)),
  });
  expect("state" in result && result.state.get(stateKeyOf("m.room.topic", ""))).toBe(two.last?.eventId);
});

test("keys are joined and split", () => {
  expect(splitStateKey(stateKeyOf("m.room.member", "@a:b"))).toEqual(["m.room.member", "@a:b"]);
  expect(splitStateKey(stateKeyOf("", ""))).toEqual(["", ""]);
});

test("stories do lead to conflicts", () => {
  const sizes = fc.sample(story, 200).map((steps) => conflictedIds(splitStates(requireVersion("11"), states(act("11", steps).tips))).size);
  expect(sizes.filter((size) => size > 2).length).toBeGreaterThan(50);
});
