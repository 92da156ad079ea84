import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAddressGuard } from "../../../src/remote/addressGuard";
import { lookUpName } from "../../../src/remote/nameLookup";
import { createWebFetcher } from "../../../src/remote/webFetch";

jest.mock("../../../src/remote/nameLookup");

const deny = ["127.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fe80::/10", "fc00::/7"];
const { checkLiteral } = createAddressGuard({ deny, allow: ["10.1.1.1", "fd00::5/128"] });
/** As a URL writes the host: its parser has read octal, decimal and short forms by then. */
const hostOf = (host: string): string => new URL(`http://${host}/`).hostname;

test.each([
  "127.0.0.1",
  "127.1",
  "0x7f.1",
  "0177.0.0.1",
  "2130706433",
  "017700000001",
  "１２７.0.0.1",
  "127。0。0。1",
  "0",
  "0.0.0.0",
  "[::]",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[0:0:0:0:0:ffff:a00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::10.0.0.1]",
  "[64:ff9b:1::a00:1]",
  "[2002:7f00:1::]",
  "[2002:c0a8:101::1]",
  "[fe80::1]",
  "[fd00::1]",
  "169.254.169.254",
])("%s may not be reached", (host) => {
  expect(() => checkLiteral(hostOf(host))).toThrow("may not be reached");
});

test.each([
  "1.1.1.1",
  "[2606:4700::1111]",
  "[64:ff9b::1.1.1.1]",
  "[2002:101:101::]",
  "10.1.1.1",
  "[::ffff:10.1.1.1]",
  "[fd00::5]",
  "example.com",
])("%s may be reached, or is a name, which is looked at when it is resolved", (host) => {
  expect(() => checkLiteral(hostOf(host))).not.toThrow();
});

describe("names", () => {
  type Answer = readonly string[];
  let answers: Answer[];
  const asked: string[] = [];
  const visited: string[] = [];
  const server = createServer((request, response) => {
    visited.push(request.socket.localAddress ?? "");
    if (request.url === "/away") response.writeHead(302, { location: `http://other.test:${port()}/` }).end();
    else response.end("hello");
  });
  const port = (): number => (server.address() as AddressInfo).port;
  // 127.0.0.1 plays the public address, 127.0.0.2 the private one.
  const web = createWebFetcher({ userAgent: "x", certificates: "verify", blocked: { deny: ["127.0.0.0/8"], allow: ["127.0.0.1/32"] } });

  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve)));
  beforeEach(() => {
    asked.length = visited.length = 0;
    jest.mocked(lookUpName).mockImplementation(async (name) => {
      asked.push(name);
      const found = answers.length > 1 ? answers.shift() : answers[0];
      return (found ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    });
  });
  afterAll(async () => {
    await web.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const get = async (name: string, path = "/"): Promise<string> => {
    const { body } = await web.get(new URL(`http://${name}:${port()}${path}`));
    let text = "";
    for await (const chunk of body) text += String(chunk);
    return text;
  };

  test.each<[string, Answer]>([
    ["a private address", ["127.0.0.2"]],
    ["a mapped one", ["::ffff:127.0.0.2"]],
    ["one behind NAT64", ["64:ff9b::7f00:2"]],
    ["several private ones", ["127.0.0.2", "127.0.0.3", "::"]],
  ])("that resolve to %s lead nowhere", async (_, found) => {
    answers = [found];
    await expect(get("private.test")).rejects.toThrow("no address of private.test may be reached");
    expect([asked, visited]).toEqual([["private.test"], []]);
  });

  test("of several addresses only the open ones are connected to", async () => {
    answers = [["127.0.0.2", "127.0.0.1"]];
    expect(await get("both.test")).toBe("hello");
    expect(visited).toEqual(["127.0.0.1"]);
  });

  test("that resolve to something else the second time are connected to where they were found to lead", async () => {
    answers = [["127.0.0.1"], ["127.0.0.2"]];
    expect(await get("rebind.test")).toBe("hello");
    expect([asked, visited]).toEqual([["rebind.test"], ["127.0.0.1"]]);
  });

  test("that a redirect leads to are looked at as well", async () => {
    answers = [["127.0.0.1"], ["127.0.0.2"]];
    await expect(get("first.test", "/away")).rejects.toThrow("no address of other.test may be reached");
    expect([asked, visited]).toEqual([["first.test", "other.test"], ["127.0.0.1"]]);
  });
});
