import type { SrvRecord } from "node:dns";
import type { JsonObject } from "../../../src/lib/json";
import { discover } from "../../../src/remote/federationDiscovery";
import { createWellKnown } from "../../../src/remote/federationWellKnown";
import type { WellKnown, WellKnownAnswer } from "../../../src/remote/federationWellKnown";

/** Server-server API, "Resolving server names". */
const HOUR = 3_600_000;
const record = (name: string, port: number, priority = 10, weight = 10): SrvRecord => ({ name, port, priority, weight });

interface World {
  readonly delegates?: Record<string, string>;
  readonly srv?: Record<string, readonly SrvRecord[]>;
}

async function placesOf(serverName: string, { delegates = {}, srv = {} }: World = {}): Promise<string[]> {
  const targets = await discover(
    {
      wellKnown: { lookup: (host) => Promise.resolve(delegates[host]) },
      resolveSrv: (name) => Promise.resolve(srv[name] ?? []),
      fraction: () => 0.5,
    },
    serverName,
  );
  return targets.map(({ host, port, hostHeader, certificateName }) => `${host} ${port} ${hostHeader} ${certificateName}`);
}

test.each<[string, string, World, string]>([
  ["an address", "10.1.2.3", {}, "10.1.2.3 8448 10.1.2.3 10.1.2.3"],
  ["an address with a port", "[2001:db8::1]:8449", {}, "2001:db8::1 8449 [2001:db8::1]:8449 2001:db8::1"],
  ["a name with a port", "a.test:443", { delegates: { "a.test": "b.test" } }, "a.test 443 a.test:443 a.test"],
  ["a name that delegates to one with a port", "a.test", { delegates: { "a.test": "b.test:443" } }, "b.test 443 b.test:443 b.test"],
  ["a name that delegates to an address", "a.test", { delegates: { "a.test": "10.0.0.9" } }, "10.0.0.9 8448 10.0.0.9 10.0.0.9"],
  [
    "a name that delegates to one with records",
    "a.test",
    { delegates: { "a.test": "b.test" }, srv: { "_matrix-fed._tcp.b.test": [record("c.test", 1)] } },
    "c.test 1 b.test b.test",
  ],
  [
    "a name with records of both kinds",
    "a.test",
    { srv: { "_matrix-fed._tcp.a.test": [record("new.test", 1)], "_matrix._tcp.a.test": [record("old.test", 2)] } },
    "new.test 1 a.test a.test",
  ],
  ["a name with old records", "a.test", { srv: { "_matrix._tcp.a.test": [record("old.test", 2)] } }, "old.test 2 a.test a.test"],
  ["a name alone", "a.test", {}, "a.test 8448 a.test a.test"],
])("%s is where it should be", async (_, serverName, world, place) => {
  expect(await placesOf(serverName, world)).toEqual([place]);
});

test("records are used by priority, and one that names the root says that there is no server", async () => {
  const srv = { "_matrix-fed._tcp.a.test": [record("second.test", 2, 20), record("first.test", 1, 10)] };
  expect(await placesOf("a.test", { srv })).toEqual(["first.test 1 a.test a.test", "second.test 2 a.test a.test"]);
  await expect(placesOf("a.test", { srv: { "_matrix-fed._tcp.a.test": [record(".", 0)] } })).rejects.toThrow("no Matrix server");
});

describe("a delegation", () => {
  let now = 0;
  let asked = 0;
  const clock = { now: () => now, monotonic: () => now };
  const shared = { get: () => Promise.resolve(undefined), set: () => undefined };
  const wellKnownOf = (answer: (n: number) => Partial<WellKnownAnswer> & { readonly text?: string }) =>
    createWellKnown({
      clock,
      random: { fraction: () => 0.5 },
      shared,
      fetch: () => {
        const { text = '{"m.server":"b.test:1"}', ...rest } = answer(++asked);
        return Promise.resolve({ status: 200, cacheControl: undefined, expires: undefined, ...rest, body: Buffer.from(text) });
      },
    });
  beforeEach(() => (now = asked = 0));

  test.each<[string, Partial<WellKnownAnswer> & { readonly text?: string }, number]>([
    ["without a word on that, for a day", {}, 24],
    ["for as long as it says", { cacheControl: "public, max-age=7200" }, 2],
    ["for two days at most", { cacheControl: "max-age=99999999999" }, 48],
    ["for five minutes at least", { cacheControl: "no-store" }, 1 / 12],
    ["that is no use, for an hour", { text: '{"m.server":["b.test"]}' }, 1],
    ["that is no JSON, for an hour", { text: "<html>" }, 1],
    ["of a server that has none, for an hour", { status: 404 }, 1],
  ])("is remembered %s", async (_, answer, hours) => {
    const wellKnown = wellKnownOf(() => answer);
    const first = await wellKnown.lookup("a.test");
    now += hours * HOUR * 0.79;
    expect(await wellKnown.lookup("a.test")).toBe(first);
    expect(asked).toBe(1);
    now += hours * HOUR * 0.22;
    await wellKnown.lookup("a.test");
    expect(asked).toBe(2);
  });

  test("is asked for once by all who want it, and an answer that fails takes nothing back", async () => {
    let isDown = false;
    const wellKnown = createWellKnown({
      clock,
      random: { fraction: () => 0.5 },
      shared,
      fetch: () =>
        isDown
          ? Promise.reject(new Error("down"))
          : Promise.resolve({
              status: 200,
              body: Buffer.from(`{"m.server":"b.test:${++asked}"}`),
              cacheControl: undefined,
              expires: undefined,
            }),
    });
    expect(await Promise.all(Array.from({ length: 100 }, () => wellKnown.lookup("a.test")))).toEqual(new Array(100).fill("b.test:1"));
    isDown = true;
    now += 20 * HOUR;
    expect(await wellKnown.lookup("a.test")).toBe("b.test:1");
    await new Promise(setImmediate);
    now += 5 * HOUR;
    expect(await wellKnown.lookup("a.test")).toBeUndefined();
  });

  test("that one process found is asked for by no other, until it is to be refreshed", async () => {
    const kept = new Map<string, JsonObject>();
    const memory = {
      get: (key: string) => Promise.resolve(kept.get(key)),
      set: (key: string, value: JsonObject) => void kept.set(key, value),
    };
    const [one, another, third] = [1, 2, 3].map((n) =>
      createWellKnown({
        clock,
        random: { fraction: () => 0.5 },
        shared: memory,
        fetch: () => {
          asked++;
          const body = Buffer.from(`{"m.server":"b.test:${n}"}`);
          return n === 3
            ? Promise.reject(new Error("down"))
            : Promise.resolve({ status: 200, cacheControl: undefined, expires: undefined, body });
        },
      }),
    ) as [WellKnown, WellKnown, WellKnown];
    expect(await one.lookup("a.test")).toBe("b.test:1");
    expect(await another.lookup("a.test")).toBe("b.test:1");
    expect(asked).toBe(1);
    now += 20 * HOUR;
    expect(await third.lookup("a.test")).toBe("b.test:1");
    expect(asked).toBe(2);
    await another.lookup("a.test");
    await new Promise(setImmediate);
    expect(await another.lookup("a.test")).toBe("b.test:2");
    expect(await one.lookup("a.test")).toBe("b.test:1");
    await new Promise(setImmediate);
    expect(await one.lookup("a.test")).toBe("b.test:2");
    expect(asked).toBe(3);
  });

  test.each<JsonObject>([{ expires: "x" }, { expires: 9e15, refresh: 9e15, delegate: 5 }, { expires: 9e15, refresh: 9e15, delegate: "" }])(
    "that no process can have kept is not believed: %j",
    async (value) => {
      const wellKnown = createWellKnown({
        clock,
        random: { fraction: () => 0.5 },
        shared: { get: () => Promise.resolve(value), set: () => undefined },
        fetch: () => Promise.reject(new Error("down")),
      });
      expect(await wellKnown.lookup("a.test")).toBeUndefined();
    },
  );
});
