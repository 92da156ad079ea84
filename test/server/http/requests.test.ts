import { JsonText } from "../../../src/lib/jsonText";
import {
  anyJson,
  anyObject,
  array,
  booleanText,
  form,
  integer,
  integerText,
  nullable,
  object,
  oneOf,
  optional,
  string,
} from "../../../src/lib/schema";
import { redirect, reply } from "../../../src/rest/reply";
import { route } from "../../../src/rest/route";
import { call, raw, startHttp, type Harness } from "./harness";

const V3 = "/_matrix/client/v3";
const routes = [
  route("PUT /_matrix/client/v3/rooms/:roomId/state/:type/:stateKey", {
    servlet: "RoomStateEventRestServlet",
    aliases: ["r0"],
    auth: "user",
    body: anyObject(),
    handle: ({ params, body, requester }) => ({ params, body, user: requester.userId }),
  }),
  route("POST /_matrix/client/v3/checked/:kind", {
    servlet: "Checked",
    auth: "none",
    params: object({ kind: oneOf("a", "b") }),
    query: object({
      limit: optional(integerText({ minimum: 1 })),
      dir: oneOf("f", "b"),
      full: optional(booleanText()),
      via: array(string()),
    }),
    body: object({
      name: string(),
      age: optional(integer()),
      nested: optional(object({ x: integer() })),
      nothing: optional(nullable(string())),
    }),
    handle: ({ params, query, body }) => ({ params, query, body }),
  }),
  route("POST /_matrix/client/v3/small", {
    servlet: "Small",
    auth: "user",
    maxBody: 1000,
    body: anyJson(),
    handle: ({ body }) => ({ got: body }),
  }),
  route("POST /_matrix/client/v3/empty", {
    servlet: "Empty",
    auth: "none",
    body: optional(object({ a: string() })),
    handle: ({ body }) => ({ body: body ?? null }),
  }),
  route("POST /_matrix/client/v3/form", {
    servlet: "Form",
    auth: "none",
    body: form({ a: string(), b: optional(integerText()) }),
    handle: ({ body }) => body,
  }),
  route("GET /_matrix/client/v3/texts", {
    servlet: "Texts",
    auth: "none",
    handle: () => ({ chunk: [new JsonText('{"as": "it lies"}'), { nested: new JsonText("[1, 2]") }], none: undefined }),
  }),
  route("GET /_matrix/client/v3/huge", {
    servlet: "Huge",
    auth: "none",
    handle: () => ({ chunk: Array.from({ length: 20_000 }, (_, i) => ({ i, text: new JsonText(JSON.stringify("x".repeat(100))) })) }),
  }),
  route("GET /_matrix/client/v3/fails", { servlet: "Fails", auth: "none", handle: () => Promise.reject(new Error("secret detail")) }),
  route("GET /_matrix/client/v3/away", { servlet: "Away", auth: "none", handle: () => redirect("https://example.org/") }),
  route("GET /_matrix/client/v3/bad", { servlet: "Bad", auth: "none", handle: () => reply({ headers: { "X-Bad": "a\nb" }, body: "x" }) }),
  route("GET /_matrix/client/v3/nothing", { servlet: "Nothing", auth: "optional", handle: () => undefined }),
  route("PUT /_matrix/federation/v1/send/:txnId", {
    servlet: "FederationSendServlet",
    auth: "federation",
    body: anyObject(),
    handle: ({ requester, body }) => ({ from: requester.origin, body }),
  }),
];

let http: Harness;
beforeAll(async () => {
  http = await startHttp({ routes, timeouts: { body: 300, headers: 300, linger: 300 } });
});
afterAll(() => http.close());

const auth = { Authorization: "Bearer alice" };
const post = (path: string, body: string | Buffer, headers: Record<string, string> = auth) =>
  call(http.port, "POST", V3 + path, { body, headers });
const nest = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

test("path segments are decoded one by one, empty ones included", async () => {
  const put = (path: string) => call(http.port, "PUT", path, { body: "{}", headers: auth });
  const full = await put(`${V3}/rooms/!a%2Fb%3Ax/state/m.room.name/%F0%9F%90%B1`);
  expect(full.json).toEqual({ params: { roomId: "!a/b:x", type: "m.room.name", stateKey: "🐱" }, body: {}, user: "@alice:example.org" });
  expect((await put("/_matrix/client/r0/rooms/!a:x/state/m.room.name/")).json).toMatchObject({ params: { stateKey: "" } });
  expect((await put(`${V3}/rooms/!a:x/state/m.room.name/%ff`)).json).toMatchObject({ errcode: "M_INVALID_PARAM" });
  expect((await put(`${V3}/rooms/!a:x/state/m.room.name/%zz`)).status).toBe(400);
});

test("unknown paths and methods", async () => {
  const unrecognized = { errcode: "M_UNRECOGNIZED", error: "Unrecognized request" };
  for (const path of ["/_matrix/client/v3/none", "/_matrix", "/_synapse/x", "/nowhere", `${V3}/huge/`, "/_matrix/client/v3//huge"]) {
    const answer = await call(http.port, "GET", path);
    expect([path, answer.status, answer.json]).toEqual([path, 404, unrecognized]);
    expect(answer.headers["access-control-allow-origin"] ?? "*").toBe("*");
  }
  for (const method of ["PATCH", "DELETE", "PUT"]) {
    const answer = await call(http.port, method, `${V3}/texts`);
    expect([answer.status, answer.json]).toEqual([405, unrecognized]);
  }
});

test("HEAD, OPTIONS and the headers of every answer", async () => {
  const head = await call(http.port, "HEAD", `${V3}/texts`);
  expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", "47"]);
  const options = await call(http.port, "OPTIONS", "/anything/at/all");
  expect([options.status, options.text]).toEqual([204, ""]);
  for (const { headers } of [options, await call(http.port, "GET", `${V3}/texts`), await post("/small", "{", {})]) {
    expect(headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
      "access-control-allow-headers": "X-Requested-With, Content-Type, Authorization, Date",
    });
    expect(headers.server).toMatch(/^Synapse\/\d+\.\d+\.\d+ \(synapse-ts /);
  }
});

test("ready JSON is spliced in as it lies", async () => {
  const { text, headers } = await call(http.port, "GET", `${V3}/texts`);
  expect(text).toBe('{"chunk":[{"as": "it lies"},{"nested":[1, 2]}]}');
  expect(headers["content-type"]).toBe("application/json");
});

test("a huge answer comes in slices and complete", async () => {
  const answer = await call(http.port, "GET", `${V3}/huge`);
  expect(answer.headers["transfer-encoding"]).toBe("chunked");
  expect(answer.json).toMatchObject({ chunk: { length: 20_000 } });
});

test.each([
  ["not JSON", "{nope", "M_NOT_JSON"],
  ["nothing", "", "M_NOT_JSON"],
  ["not UTF-8", Buffer.from([0x22, 0xff, 0x22]), "M_NOT_JSON"],
  ["a list", "[]", "M_BAD_JSON"],
  ["null", "null", "M_BAD_JSON"],
  ["10,000 deep", nest(10_000), "M_BAD_JSON"],
  ["a wrong type", '{"name":5}', "M_BAD_JSON"],
  ["a missing field", "{}", "M_MISSING_PARAM"],
  ["a missing nested field", '{"name":"x","nested":{}}', "M_MISSING_PARAM"],
  ["an integer out of range", '{"name":"x","age":9007199254740993}', "M_BAD_JSON"],
  ["a number out of range", '{"name":"x","age":1e400}', "M_BAD_JSON"],
  ["a fraction for an integer", '{"name":"x","age":1.5}', "M_BAD_JSON"],
  ["a lone surrogate", '{"name":"\\ud800"}', "M_BAD_JSON"],
])("a body with %s", async (_, body, errcode) => {
  const answer = await post("/checked/a?dir=f", body, {});
  expect([answer.status, answer.json]).toMatchObject([400, { errcode }]);
});

test("bodies that are fine: unknown fields, duplicate keys, __proto__, null where allowed", async () => {
  const answer = await post(
    "/checked/a?dir=f&via=x&via=y%20z&limit=5&full=true",
    '{"name":"a","name":"b","__proto__":{"evil":1},"other":[1],"nothing":null}',
    {},
  );
  expect(answer.status).toBe(200);
  expect(answer.text).toContain('"__proto__":{"evil":1}');
  expect(answer.json).toMatchObject({
    params: { kind: "a" },
    query: { dir: "f", via: ["x", "y z"], limit: 5, full: true },
    body: { name: "b", other: [1], nothing: null },
  });
});

test.each([
  ["/checked/a", "M_MISSING_PARAM", "Missing required query parameter 'dir'"],
  ["/checked/a?dir=x", "M_INVALID_PARAM", `Query parameter 'dir' must be one of ["f","b"]`],
  ["/checked/a?dir=f&limit=ten", "M_INVALID_PARAM", "Query parameter 'limit' must be an integer from 1 to 9007199254740991"],
  ["/checked/a?dir=f&limit=0", "M_INVALID_PARAM", undefined],
  ["/checked/a?dir=f&limit=99999999999999999999", "M_INVALID_PARAM", undefined],
  ["/checked/a?dir=f&full=yes", "M_INVALID_PARAM", undefined],
  ["/checked/a?dir=%ff", "M_INVALID_PARAM", undefined],
  ["/checked/c?dir=f", "M_INVALID_PARAM", undefined],
])("parameters: %s", async (path, errcode, error) => {
  const answer = await post(path, '{"name":"x"}', {});
  expect([answer.status, answer.json]).toMatchObject([400, error === undefined ? { errcode } : { errcode, error }]);
});

test("empty bodies where they are allowed, and forms", async () => {
  expect((await post("/empty", "", {})).json).toEqual({ body: null });
  expect((await call(http.port, "POST", `${V3}/empty`)).json).toEqual({ body: null });
  expect((await post("/empty", '{"a":"b"}', {})).json).toEqual({ body: { a: "b" } });
  expect((await post("/empty", "{}", {})).json).toMatchObject({ errcode: "M_MISSING_PARAM" });
  expect((await post("/form", "a=x+y%26&b=7", {})).json).toEqual({ a: "x y&", b: 7 });
  expect((await post("/form", "b=7", {})).json).toMatchObject({ errcode: "M_MISSING_PARAM" });
  expect((await call(http.port, "GET", `${V3}/nothing`)).text).toBe("{}");
});

test("too large a body: announced, or found out on the way; whoever is unknown is told that first", async () => {
  const large = JSON.stringify("x".repeat(2000));
  expect((await post("/small", large)).json).toMatchObject({ errcode: "M_TOO_LARGE" });
  const chunked = await call(http.port, "POST", `${V3}/small`, { body: large, headers: { ...auth, "Transfer-Encoding": "chunked" } });
  expect([chunked.status, chunked.json]).toMatchObject([413, { errcode: "M_TOO_LARGE" }]);
  expect((await post("/small", large, {})).json).toMatchObject({ errcode: "M_MISSING_TOKEN" });
  expect((await post("/small", "5")).json).toEqual({ got: 5 });
});

test("access tokens come by header or by query", async () => {
  const answer = await call(http.port, "POST", `${V3}/small?access_token=bob`, { body: "1" });
  expect(answer.status).toBe(200);
  const basic = await call(http.port, "POST", `${V3}/small`, { body: "1", headers: { Authorization: "Basic Ym9i" } });
  expect(basic.json).toMatchObject({ errcode: "M_MISSING_TOKEN" });
});

test("a signature covers the body, so the body is read first, and its numbers are kept", async () => {
  const put = (authorization?: string) =>
    call(http.port, "PUT", "/_matrix/federation/v1/send/1", {
      body: '{"n":1.0}',
      headers: authorization ? { Authorization: authorization } : {},
    });
  expect((await put("X-Matrix good")).text).toBe('{"from":"remote.example","body":{"n":1}}');
  expect((await put("X-Matrix bad")).json).toMatchObject({ error: 'not signed: {"n":1}' });
  expect((await put()).json).toMatchObject({ error: "not signed: undefined" });
});

test("failures tell the log everything and the client nothing", async () => {
  const answer = await call(http.port, "GET", `${V3}/fails`);
  expect([answer.status, answer.json]).toEqual([500, { errcode: "M_UNKNOWN", error: "Internal server error" }]);
  expect(http.lines().some((line) => line.startsWith("synapse.http.server error Failed to handle Fails: GET"))).toBe(true);
  expect((await call(http.port, "GET", `${V3}/bad`)).status).toBe(500);
});

test("redirects, health, metrics, pages", async () => {
  const away = await call(http.port, "GET", `${V3}/away`);
  expect([away.status, away.headers.location]).toEqual([302, "https://example.org/"]);
  const health = await call(http.port, "GET", "/health");
  expect([health.status, health.text]).toEqual([200, "OK"]);
  const root = await call(http.port, "GET", "/");
  expect([root.status, root.headers.location]).toEqual([302, "/_matrix/static/"]);
  expect((await call(http.port, "GET", "/_matrix/static/")).text).toContain("It works!");
  // Not among this listener's resources.
  expect((await call(http.port, "GET", "/_synapse/metrics")).status).toBe(404);
});

test("what is no HTTP, or too large a header", async () => {
  expect(await raw(http.port, (socket) => void socket.write("NONSENSE\r\n\r\n"))).toMatch(/^HTTP\/1.1 400 .*"errcode":"M_UNKNOWN"/s);
  const long = `GET /_matrix HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(40_000)}\r\n\r\n`;
  expect(await raw(http.port, (socket) => void socket.write(long))).toMatch(/^HTTP\/1.1 431 /);
});

test("clients that send too slowly are let go", async () => {
  expect(await raw(http.port, (socket) => void socket.write("GET / HTTP/1.1\r\nHost: x\r\n"))).toMatch(/^(HTTP\/1.1 408 |$)/);
  const body = await raw(http.port, (socket) => {
    socket.write(`POST ${V3}/empty HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`);
    const drip = setInterval(() => socket.write(" "), 50);
    socket.on("close", () => clearInterval(drip));
  });
  expect(body).toMatch(/^HTTP\/1.1 408 /);
});

test("bodies that nobody reads do not keep a connection forever", async () => {
  const answer = await raw(http.port, (socket) => {
    socket.write(`POST ${V3}/small HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`);
    const drip = setInterval(() => socket.write(" "), 50);
    socket.on("close", () => clearInterval(drip));
  });
  expect(answer).toMatch(/^HTTP\/1.1 401 /);
});
