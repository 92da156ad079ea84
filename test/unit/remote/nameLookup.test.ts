import { type Socket, createSocket } from "node:dgram";
import type { LookupAddress } from "node:dns";
import { askDns, createNameLookup } from "../../../src/remote/nameLookup";
import type { NameSources } from "../../../src/remote/nameLookup";
import { eventually } from "../../builders/eventually";

const found = (address: string): LookupAddress[] => [{ address, family: address.includes(":") ? 6 : 4 }];
const never = new Promise<never>(() => undefined);

function sources(given: Partial<NameSources>): NameSources & { readonly asked: string[] } {
  const asked: string[] = [];
  const told =
    (source: "dns" | "system", addresses: LookupAddress[]) =>
    (name: string): Promise<LookupAddress[]> => {
      asked.push(`${source} ${name}`);
      return given[source]?.(name) ?? Promise.resolve(addresses);
    };
  const hosts = given.hosts ?? (() => Promise.resolve(""));
  return { asked, dns: told("dns", found("192.0.2.1")), system: told("system", found("192.0.2.2")), hosts };
}

describe("a name that others chose", () => {
  test("is asked for in DNS, without a thread", async () => {
    const from = sources({});
    expect(await createNameLookup(from)("matrix.example.org")).toEqual(found("192.0.2.1"));
    expect(from.asked).toEqual(["dns matrix.example.org"]);
  });

  test.each(["localhost", "synapse", "here.example.org", "HERE.example.org"])(
    "is left to the system where DNS has no say: %s",
    async (name) => {
      const hosts = async (): Promise<string> =>
        "# comment here2.example.org\n127.0.0.1\tlocalhost\n192.0.2.2 a.test Here.Example.org # b.test\n";
      const from = sources({ hosts });
      expect(await createNameLookup(from)(name)).toEqual(found("192.0.2.2"));
      expect(from.asked).toEqual([`system ${name}`]);
    },
  );

  test.each(["b.test", "here2.example.org", "192.0.2.2x.test"])("is no host's for what a comment says: %s", async (name) => {
    const from = sources({ hosts: async () => "# here2.example.org\n192.0.2.2 a.test # b.test" });
    await createNameLookup(from)(name);
    expect(from.asked).toEqual([`dns ${name}`]);
  });

  test("is left to the system where DNS does not know it: there may be a search domain", async () => {
    const from = sources({ dns: async () => [] });
    expect(await createNameLookup(from)("synapse.matrix")).toEqual(found("192.0.2.2"));
    expect(from.asked).toEqual(["dns synapse.matrix", "system synapse.matrix"]);
  });

  test("has no addresses where DNS does not answer, and takes no thread", async () => {
    const from = sources({ dns: () => Promise.reject(new Error("queryA ETIMEOUT")) });
    await expect(createNameLookup(from)("dead.example.org")).rejects.toThrow("queryA ETIMEOUT");
    expect(from.asked).toEqual(["dns dead.example.org"]);
  });

  test("takes one thread at most, and gives it back where the system fails", async () => {
    const ends: (() => void)[] = [];
    const fail = (): Promise<never> => new Promise((_, reject) => ends.push(() => reject(new Error("getaddrinfo ENOTFOUND"))));
    const from = sources({ system: fail });
    const lookup = createNameLookup(from);
    const all = ["a", "b", "c"].map((name) => lookup(name).catch((error: Error) => error.message));
    for (const count of [1, 2, 3]) {
      await eventually(() => ends.length === count);
      expect(from.asked).toHaveLength(count);
      ends[count - 1]?.();
    }
    expect(await Promise.all(all)).toEqual(Array(3).fill("getaddrinfo ENOTFOUND"));
  });

  test("does not wait for names that nobody answers for", async () => {
    const lookup = createNameLookup(sources({ dns: (name) => (name.startsWith("dead") ? never : Promise.resolve(found("192.0.2.3"))) }));
    for (let i = 0; i < 1_000; i++) void lookup(`dead${i}.example.org`);
    expect(await lookup("living.example.org")).toEqual(found("192.0.2.3"));
  });
});

/** RFC 1035 §4.1: the question as it came, and after it an answer that points to the question's name. */
function answerTo(question: Buffer, code: number, address?: readonly number[]): Buffer {
  const answer = Buffer.from(question);
  answer.writeUInt16BE(0x8180 | code, 2);
  answer.writeUInt16BE(address ? 1 : 0, 6);
  answer.writeUInt16BE(0, 10);
  // Without what the question says beside its name, type and class (EDNS).
  const end = question.indexOf(0, 12) + 5;
  const type = question.readUInt16BE(end - 4);
  const record = address ? Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address.length, ...address]) : Buffer.alloc(0);
  return Buffer.concat([answer.subarray(0, end), record]);
}

describe("DNS", () => {
  const server: Socket = createSocket("udp4");
  const IPV6 = 28;
  /** By the first label of a name. */
  const answers: Readonly<Record<string, (question: Buffer, type: number) => Buffer>> = {
    both: (question, type) => answerTo(question, 0, type === IPV6 ? [...Array<number>(15).fill(0), 1] : [192, 0, 2, 7]),
    old: (question, type) => answerTo(question, 0, type === IPV6 ? undefined : [192, 0, 2, 7]),
    half: (question, type) => (type === IPV6 ? answerTo(question, 2) : answerTo(question, 0, [192, 0, 2, 7])),
    bare: (question) => answerTo(question, 0),
    none: (question) => answerTo(question, 3),
    broken: (question) => answerTo(question, 2),
  };
  const ask = (name: string): Promise<LookupAddress[]> => askDns(name, [`127.0.0.1:${server.address().port}`]);

  beforeAll(async () => {
    server.on("message", (question, from) => {
      const label = question.toString("latin1", 13, 13 + (question[12] ?? 0));
      const answer = answers[label]?.(question, question.readUInt16BE(question.indexOf(0, 12) + 1));
      if (answer) server.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  });
  afterAll(() => new Promise<void>((resolve) => server.close(resolve)));

  test.each<[string, LookupAddress[]]>([
    ["both.example.org", [...found("192.0.2.7"), ...found("::1")]],
    ["old.example.org", found("192.0.2.7")],
    ["half.example.org", found("192.0.2.7")],
    ["bare.example.org", []],
    ["none.example.org", []],
  ])("gives addresses of %s", async (name, addresses) => expect(await ask(name)).toEqual(addresses));

  test("that fails is told from names that do not exist", async () => {
    await expect(ask("broken.example.org")).rejects.toMatchObject({ code: "ESERVFAIL" });
  });

  test("is asked about many names at once", async () => {
    let given = 0;
    const silent = Array.from({ length: 60 }, (_, i) => ask(`silent${i}.example.org`).catch(() => given++));
    expect(await ask("old.example.org")).toEqual(found("192.0.2.7"));
    expect(given).toBe(0);
    await Promise.all(silent);
    expect(given).toBe(60);
  }, 60_000);
});
