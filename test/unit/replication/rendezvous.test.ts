import { rendezvous } from "../../../src/replication/rendezvous";

const keys = Array.from({ length: 2_000 }, (_, i) => `!room${i}:example.org`);

test("keys spread over the names, whatever their order", () => {
  const owners = keys.map((key) => rendezvous(["a", "b", "c", "d"], key));
  expect(owners).toEqual(keys.map((key) => rendezvous(["d", "b", "a", "c"], key)));
  for (const name of ["a", "b", "c", "d"]) {
    const share = owners.filter((owner) => owner === name).length;
    expect(share).toBeGreaterThan(400);
    expect(share).toBeLessThan(600);
  }
});

test("when a name goes only its keys move", () => {
  for (const key of keys) {
    const before = rendezvous(["a", "b", "c"], key);
    if (before !== "b") expect(rendezvous(["a", "c"], key)).toBe(before);
  }
});

test("one name has all, none has none", () => {
  expect(rendezvous(["a"], "x")).toBe("a");
  expect(rendezvous([], "x")).toBeUndefined();
});
