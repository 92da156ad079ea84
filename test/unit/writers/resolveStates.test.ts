import fc from "fast-check";
import type { Caches } from "../../../src/caches/caches";
import type { StoredEvent } from "../../../src/caches/events";
import type { RoomInfo } from "../../../src/caches/rooms";
import { packedForEach, packedMapOf } from "../../../src/lib/packedMap";
import type { PackedMap } from "../../../src/lib/packedMap";
import type { RoomEvent } from "../../../src/rooms/event";
import { resolveState } from "../../../src/rooms/state/resolve";
import { splitStateKey, stateKeyOf } from "../../../src/rooms/state/stateMap";
import type { StateMap } from "../../../src/rooms/state/stateMap";
import { resolveStates } from "../../../src/writers/remote/resolveGroups";
import { type Dag, dag } from "../rooms/fixtures/dag";
import { CREATOR, requireVersion } from "../rooms/fixtures/room";
import { act, story } from "../rooms/fixtures/story";

/** Numbers for keys and events, and caches that read them; counts what is read. */
function stored(room: Dag): {
  caches: Caches;
  pack(state: StateMap): PackedMap;
  unpack(state: PackedMap): [string, string][];
  reads(): number;
} {
  const keys: string[] = [];
  const ids: string[] = [];
  const read = new Set<string>();
  const numberOf = (list: string[], of: string): number => {
    const known = list.indexOf(of);
    return known < 0 ? list.push(of) - 1 : known;
  };
  const eventOf = (eventId: string): StoredEvent => {
    read.add(eventId);
    const event = room.events.get(eventId) as RoomEvent;
    return { event, row: { nid: numberOf(ids, eventId), eventId, rejected: null } } as StoredEvent;
  };
  const numbers = (pairs: readonly (readonly [string, string])[]): Promise<number[]> =>
    Promise.resolve(pairs.map(([type, key]) => numberOf(keys, stateKeyOf(type, key))));
  const caches = {
    partialRooms: { has: () => Promise.resolve(false) },
    stateKeys: {
      intern: numbers,
      find: numbers,
      pairs: (nids: readonly number[]) =>
        Promise.resolve(
          new Map(
            nids.map((keyNid) => {
              const [type, stateKey] = splitStateKey(keys[keyNid] ?? "");
              return [keyNid, { keyNid, type, stateKey }];
            }),
          ),
        ),
    },
    events: {
      byNids: (nids: readonly number[]) => Promise.resolve(new Map(nids.map((nid) => [nid, eventOf(ids[nid] ?? "")]))),
      byIds: (eventIds: readonly string[]) =>
        Promise.resolve(new Map(eventIds.filter((id) => room.events.has(id)).map((id) => [id, eventOf(id)]))),
    },
  } as unknown as Caches;
  return {
    caches,
    pack: (state) =>
      packedMapOf(
        [...state.keys()].map((key) => numberOf(keys, key)),
        [...state.values()].map((id) => numberOf(ids, id)),
      ),
    unpack: (state) => {
      const out: [string, string][] = [];
      packedForEach(state, (key, nid) => out.push([keys[key] ?? "", ids[nid] ?? ""]));
      return sorted(out);
    },
    reads: () => read.size,
  };
}

const sorted = (entries: Iterable<[string, string]>): [string, string][] => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
const info = (version: string): RoomInfo => ({ version: requireVersion(version) }) as RoomInfo;

test.each(["1", "2", "11", "12"])("states in numbers resolve as whole states do, version %s", async (version) => {
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const { room, tips } = act(version, steps);
      const sets = tips.map(({ state }) => state);
      const { caches, pack, unpack } = stored(room);
      const expected = resolveState(requireVersion(version), sets, room.context);
      if ("missing" in expected) throw new Error("missing");
      expect(unpack(await resolveStates(caches, info(version), sets.map(pack), []))).toEqual(sorted(expected.state));
    }),
    { numRuns: 100 },
  );
});

test("members whom nobody contests are not read", async () => {
  const room = dag("11");
  let start = room.start.levels(CREATOR, { [CREATOR]: 100 }).rule(CREATOR, "public");
  for (let i = 0; i < 200; i++) start = start.trySend(join(`@user${i}:b.test`)) ?? start;
  const tips = ["one", "two"].map((topic) => start.trySend({ type: "m.room.topic", sender: CREATOR, content: { topic } }) ?? start);
  const { caches, pack, unpack, reads } = stored(room);
  const state = await resolveStates(
    caches,
    info("11"),
    tips.map((tip) => pack(tip.state)),
    [],
  );
  expect(unpack(state)).toHaveLength(start.state.size + 1);
  expect(reads()).toBeLessThan(10);
});

const join = (userId: string): { type: string; sender: string; stateKey: string; content: { membership: string } } => ({
  type: "m.room.member",
  sender: userId,
  stateKey: userId,
  content: { membership: "join" },
});
