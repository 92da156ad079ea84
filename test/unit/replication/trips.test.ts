import { Trips } from "../../../src/replication/bus";

/** Trips that end when told to, and how many began. */
function setup() {
  const ends: ((error?: Error) => void)[] = [];
  const trips = new Trips(() => new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve()))));
  const order: string[] = [];
  const ask = (name: string): void => void trips.delivered().then(() => order.push(name));
  const turn = (): Promise<void> => new Promise(setImmediate);
  return { trips, ends, order, ask, turn };
}

test("nobody travels where nothing was sent", async () => {
  const { ends, order, ask, turn } = setup();
  ask("a");
  await turn();
  expect(order).toEqual(["a"]);
  expect(ends).toHaveLength(0);
});

test("those who ask while a trip is under way share the next, if something was sent after it began, and else wait for it", async () => {
  const { trips, ends, order, ask, turn } = setup();
  trips.sending();
  ask("first");
  ask("with the first");
  trips.sending();
  ask("second");
  ask("with the second");
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await turn();
  expect(order).toEqual(["first", "with the first"]);
  expect(ends).toHaveLength(2);
  ask("also with the second");
  ends[1]?.(new Error("gone"));
  await turn();
  expect(order.slice(2).sort()).toEqual(["also with the second", "second", "with the second"]);
  ask("last");
  await turn();
  expect(order.at(-1)).toBe("last");
  expect(ends).toHaveLength(2);
});
