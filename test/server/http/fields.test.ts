import { readFileSync } from "node:fs";
import { join } from "node:path";
import { allGroups } from "../../../src/rest/registry";
import { compileRoutes } from "../../../src/rest/router";
import { createRoomsServer, enc } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";

/** A field that the specification gives a type: of a body (`invite[]` is an item of a list, `a.*` any value of an object), or of a query. */
interface Field {
  readonly method: string;
  readonly path: string;
  readonly in: "body" | "query";
  readonly field: string;
  readonly types: readonly string[];
  /** The rest of the request; in bodies "?" stands for the field. */
  readonly example: string;
}

const wrongInBody: Readonly<Record<string, readonly unknown[]>> = {
  string: [1, true, {}, ["text"]],
  integer: ["1", true, {}, [1], 1.5, 1e300],
  number: ["1", true, {}, [1]],
  boolean: ["true", 1, {}, [true]],
  array: ["text", 1, true, {}],
  object: ["text", 1, true, []],
};
const wrongInQuery: Readonly<Record<string, readonly string[]>> = {
  integer: ["", "one", "1.5", "1e3", "99999999999999999999"],
  number: ["", "one", "NaN"],
  boolean: ["", "maybe", "1"],
  enum: ["", "no such word"],
};
const REFUSALS = ["M_BAD_JSON", "M_INVALID_PARAM", "M_MISSING_PARAM"];

/** What is answered otherwise, by `METHOD path in field`, and why. Never with a 5xx. */
const exceptions: readonly { readonly which: RegExp; readonly why: string }[] = [
  { which: /pushrules\/.* body (actions|conditions|pattern|enabled)/, why: "400 M_UNKNOWN, as Synapse has it" },
  { which: /pushrules\/.*\/(enabled|actions) body \.$/, why: "the bare value was the body once" },
  { which: /pushrules\/.* body conditions\[\]\.(key|pattern|is|value)$/, why: "conditions of unknown kinds are kept, and never hold" },
  { which: /POST \/_matrix\/client\/v3\/register query kind$/, why: "400 M_UNRECOGNIZED, as Synapse has it" },
  { which: /(\/appservice\/\{appserviceId\}\/ping|\/directory\/list\/appservice\/)/, why: "403: for application services alone" },
  { which: /\/room_keys\/version.* body auth_data$/, why: "kept as it comes, as Synapse does: clients have put strings there" },
  { which: /\/login\/sso\/redirect/, why: "404: there is nobody to sign on with" },
];

function readFields(): Field[] {
  const [, ...lines] = readFileSync(join(__dirname, "fixtures", "fields.tsv"), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => {
    const [method = "", path = "", where = "", field = "", types = "", example = ""] = line.split("\t");
    return { method, path, in: where === "query" ? "query" : "body", field, types: types.split(" "), example };
  });
}

/** Served, by whatever the router would say of the path. */
const router = compileRoutes(allGroups);
const fields = readFields().filter(({ method, path }) => router.match(method, path.replace(/\{\w+\}/g, "x")).kind === "found");
const operations = [...new Set(fields.map(({ method, path }) => `${method} ${path}`))];

let server: RoomsServer;
let alice: Client;
const known: Record<string, string> = {};
beforeAll(async () => {
  server = await createRoomsServer({ login_via_existing_session: { enabled: true, require_ui_auth: true } });
  alice = await server.client("alice");
  await server.app.db`update users set admin = true where user_id = ${alice.userId}`;
  known["userId"] = alice.userId;
  known["roomId"] = known["roomIdOrAlias"] = await alice.createRoom();
  known["eventId"] = await alice.text(known["roomId"], "hello");
  known["receiptType"] = "m.read";
  known["kind"] = "override";
  known["roomAlias"] = "#nowhere:test.local";
  known["eventType"] = known["type"] = "org.example.type";
});
afterAll(() => server?.close());

function wrongFor(types: readonly string[]): readonly unknown[] {
  const [only = ""] = types;
  if (types.length === 1) return wrongInBody[only] ?? [];
  return [1, "text", true, [], {}].filter((value) => !types.includes(typeOf(value)));
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "number" ? "integer" : typeof value;
}

async function tryField({ method, path, in: where, field, types, example }: Field): Promise<string[]> {
  const url = path.replace(/\{(\w+)\}/g, (_, name: string) => enc(known[name] ?? "text"));
  const isExcepted = exceptions.some(({ which }) => which.test(`${method} ${path} ${where} ${field}`));
  const failures: string[] = [];
  const values = where === "query" ? types.flatMap((type) => wrongInQuery[type] ?? []) : wrongFor(types);
  for (const value of values) {
    const answer =
      where === "query"
        ? await alice.call(method, `${url}?${example}&${field}=${enc(String(value))}`, method === "GET" ? undefined : {})
        : await alice.call(method, url, JSON.parse(example.replace('"?"', () => JSON.stringify(value))));
    const isRight = isExcepted ? answer.status < 500 : answer.status === 400 && REFUSALS.includes(answer.body.errcode);
    if (!isRight) {
      failures.push(`${where} ${field} = ${JSON.stringify(value)}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 100)}`);
    }
  }
  return failures;
}

test.each(operations)("%s", async (operation) => {
  const failures: string[] = [];
  for (const field of fields) if (`${field.method} ${field.path}` === operation) failures.push(...(await tryField(field)));
  expect(failures).toEqual([]);
});
