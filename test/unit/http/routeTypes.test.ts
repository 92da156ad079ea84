import { boolean, integerText, object, oneOf, optional, string, type Infer } from "../../../src/lib/schema";
import { group, route } from "../../../src/rest/route";

/** Fails to compile when the two types differ. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

test("a schema's static type has optional fields", () => {
  const schema = object({ a: string(), b: optional(boolean()), dir: oneOf("f", "b") });
  same<Infer<typeof schema>, { a: string; dir: "f" | "b"; b?: boolean | undefined }>(true);
  expect(schema.json.required).toEqual(["a", "dir"]);
});

test("a route's context is typed by its declaration", () => {
  const routes = [
    route("PUT /_matrix/client/v3/rooms/:roomId/:action(join|leave)/:rest*", {
      servlet: "X",
      aliases: ["r0", "api/v1", "/_matrix/client/unstable/other/:roomId/:action(join|leave)/:rest*"],
      auth: "user",
      query: object({ ts: optional(integerText()) }),
      body: object({ reason: optional(string()) }),
      handle: ({ requester, params, query: _query, body: _body }) => {
        same<typeof params.action, "join" | "leave">(true);
        same<typeof _query.ts, number | undefined>(true);
        same<typeof _body.reason, string | undefined>(true);
        return [requester.userId, params.roomId, params.rest];
      },
    }),
    route("GET /health", { servlet: "HealthResource", auth: "optional", handle: ({ requester }) => requester?.userId ?? "nobody" }),
    route("GET /x/:id", {
      servlet: "X",
      auth: "federation",
      params: object({ id: oneOf("a") }),
      handle: ({ requester, params }) => requester.origin + (params.id satisfies "a"),
    }),
  ];
  expect(group("client.x", routes).routes[0]?.paths).toEqual([
    "/_matrix/client/v3/rooms/:roomId/:action(join|leave)/:rest*",
    "/_matrix/client/r0/rooms/:roomId/:action(join|leave)/:rest*",
    "/_matrix/client/api/v1/rooms/:roomId/:action(join|leave)/:rest*",
    "/_matrix/client/unstable/other/:roomId/:action(join|leave)/:rest*",
  ]);
});
