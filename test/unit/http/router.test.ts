import { object, string } from "../../../src/lib/schema";
import { group, route, type Route } from "../../../src/rest/route";
import { compileRoutes } from "../../../src/rest/router";
import { compressedGroups, groupsOf, hasPages } from "../../../src/rest/resources";

const at = <P extends string>(pattern: P, servlet: string, extra: object = {}): Route =>
  route(pattern, { servlet, auth: "none", handle: () => ({}), ...extra });

function matcher(...routes: Route[]) {
  const router = compileRoutes([group("g", routes)]);
  return (method: string, path: string): string => {
    const match = router.match(method, path);
    if (match.kind !== "found") return match.kind;
    const { compiled, segments } = match;
    const read = compiled.readParams(segments);
    return `${compiled.route.definition.servlet} ${JSON.stringify("value" in read ? read.value : read)}`;
  };
}

test("literals before parameters, with a way back when the method is missing", () => {
  const match = matcher(
    at("GET /profile/:userId/:field", "Field"),
    at("PUT /profile/:userId/displayname", "Name"),
    at("GET /profile/:userId", "All"),
  );
  expect(match("GET", "/profile/@a/displayname")).toBe('Field {"userId":"@a","field":"displayname"}');
  expect(match("PUT", "/profile/@a/displayname")).toBe('Name {"userId":"@a"}');
  expect(match("HEAD", "/profile/@a")).toBe('All {"userId":"@a"}');
  expect(match("PUT", "/profile/@a/other")).toBe("wrongMethod");
  expect(match("GET", "/profile")).toBe("unknown");
  expect(match("GET", "/profile/a/b/c")).toBe("unknown");
});

test("words, rests, optional slashes, empty segments", () => {
  const match = matcher(
    at("POST /r/:id/:do(join|leave)", "Do"),
    at("GET /push/:path*", "Push"),
    at("PUT /send/:txn/?", "Send"),
    at("GET /s/:type/:key", "State"),
  );
  expect(match("POST", "/r/x/leave")).toBe('Do {"id":"x","do":"leave"}');
  expect(match("POST", "/r/x/kick")).toBe("unknown");
  expect(match("GET", "/push/global/override/a%2Fb")).toBe('Push {"path":"global/override/a/b"}');
  expect(match("GET", "/push/")).toBe('Push {"path":""}');
  expect(match("GET", "/push")).toBe("unknown");
  expect([match("PUT", "/send/1"), match("PUT", "/send/1/"), match("PUT", "/send/1//")]).toEqual([
    'Send {"txn":"1"}',
    'Send {"txn":"1"}',
    "unknown",
  ]);
  expect(match("GET", "/s/t/")).toBe('State {"type":"t","key":""}');
  expect(match("GET", "/s/t")).toBe("unknown");
});

test("malformed percent-encoding is refused, __proto__ is a value like others", () => {
  const match = matcher(at("GET /x/:id", "X"));
  expect(() => match("GET", "/x/%e0%a4")).toThrow("not valid percent-encoded UTF-8");
  expect(match("GET", "/x/__proto__")).toBe('X {"id":"__proto__"}');
  expect(match("GET", "/__proto__/constructor")).toBe("unknown");
});

test("mistakes are found at the start", () => {
  expect(() => matcher(at("GET /x/:a", "A"), at("GET /x/:b", "B"))).toThrow("two routes for GET /x/:b: A, B");
  expect(() => matcher(at("GET /x/:a*/y", "A"))).toThrow("only the last parameter");
  expect(() => matcher(at("GET /x/:a", "A", { params: object({ b: string() }) }))).toThrow("has no parameter b");
  expect(() => at("GET x", "A")).toThrow('a route is "METHOD /path"');
  expect(() => at("GET /other", "A", { aliases: ["r0"] })).toThrow("the alias r0 needs a path");
});

test("a listener takes the groups that its resources name", () => {
  const groups = ["client.sync", "admin.users", "federation.send", "keys", "media.download", "replication.rpc", "health", "metrics"].map(
    (name) => group(name, []),
  );
  const of = (...names: string[]) => groupsOf({ resources: [{ names, compress: false }] }, groups).map(({ name }) => name);
  expect(of("client")).toEqual(["client.sync", "admin.users", "media.download", "health"]);
  expect(of("federation")).toEqual(["federation.send", "keys", "media.download", "health"]);
  expect(of("replication")).toEqual(["replication.rpc", "health"]);
  expect(of("metrics", "nonsense")).toEqual(["health", "metrics"]);
  expect(of()).toEqual(["health"]);
  const mixed = {
    resources: [
      { names: ["client"], compress: true },
      { names: ["federation"], compress: false },
    ],
  };
  expect([...compressedGroups(mixed, groups)]).toEqual(["client.sync", "admin.users", "media.download"]);
  expect([hasPages(mixed), hasPages({ resources: [] })]).toEqual([true, false]);
});
