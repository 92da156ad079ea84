import type { StateGroup } from "../../../src/caches/stateGroups";
import { emptyPackedMap } from "../../../src/lib/packedMap";
import { withAhead } from "../../../src/writers/withAhead";

const group = (id: number): StateGroup => ({ id, state: emptyPackedMap }) as StateGroup;

test("what is stored while others are loaded is found all the same", async () => {
  const ahead = new Map([[1, group(1)]]);
  const found = await withAhead([1, 2], ahead, async (keys) => {
    expect(keys).toEqual([2]);
    await Promise.resolve();
    ahead.delete(1);
    return new Map([[2, group(2)]]);
  });
  expect([...found.keys()].sort()).toEqual([1, 2]);
});

test("nothing is loaded that is about to be stored, and all where nothing is", async () => {
  const load = jest.fn((keys: readonly number[]) => Promise.resolve(new Map(keys.map((id) => [id, group(id)]))));
  expect([...(await withAhead([1], new Map([[1, group(1)]]), load)).keys()]).toEqual([1]);
  expect(load).not.toHaveBeenCalled();
  expect([...(await withAhead([1, 2], new Map(), load)).keys()]).toEqual([1, 2]);
});
