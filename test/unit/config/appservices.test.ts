import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAppService } from "../../../src/config/appservices";
import { idPattern } from "../../../src/config/idPattern";
import { buildConfig } from "../../../src/config/load";

const registration = { id: "irc", url: "http://localhost:9000/", as_token: "as", hs_token: "hs", sender_localpart: "ircbot" };

function parse(changes: Record<string, unknown>): { service: ReturnType<typeof parseAppService>; reports: string[] } {
  const reports: string[] = [];
  const service = parseAppService({ ...registration, ...changes }, "a.example", (key, wanted) => reports.push(`${key}: ${wanted}`));
  return { service, reports };
}

test("a registration with the bare necessities", () => {
  expect(parse({}).service).toEqual({
    id: "irc",
    url: "http://localhost:9000",
    asToken: "as",
    hsToken: "hs",
    sender: "ircbot",
    senderUserId: "@ircbot:a.example",
    namespaces: { users: [], aliases: [], rooms: [] },
    rateLimited: true,
    protocols: [],
    pushEphemeral: false,
    supportsToDevice: false,
    msc3202TransactionExtensions: false,
    msc4190DeviceManagement: false,
    ipRangeWhitelist: undefined,
  });
});

test.each([
  [{ url: null }, { url: undefined }],
  [{ rate_limited: false }, { rateLimited: false }],
  [{ protocols: ["irc", "gitter"] }, { protocols: ["irc", "gitter"] }],
  [{ "de.sorunome.msc2409.push_ephemeral": true }, { pushEphemeral: true }],
  [{ receive_ephemeral: true }, { pushEphemeral: true }],
  [
    { "org.matrix.msc3202": true, "io.element.msc4190": true },
    { msc3202TransactionExtensions: true, msc4190DeviceManagement: true },
  ],
  [
    { namespaces: { users: [{ exclusive: true, regex: "@irc_.*" }], rooms: [], aliases: null } },
    { namespaces: { users: [{ exclusive: true, regex: "@irc_.*" }], aliases: [], rooms: [] } },
  ],
])("%j", (changes, expected) => {
  expect(parse(changes)).toMatchObject({ service: expected, reports: [] });
});

test.each([
  [{ id: undefined }, ["id: found nothing, wanted a text"]],
  [{ as_token: 7 }, ["as_token: found 7, wanted a text"]],
  [{ url: undefined }, ["url: found nothing, wanted a URL, or null for a service that is sent nothing"]],
  [{ url: "localhost" }, ['url: found "localhost", wanted a URL, or null for a service that is sent nothing']],
  [{ sender_localpart: "a b" }, ["sender_localpart: may hold letters, digits and _.-~ only"]],
  [{ namespaces: [] }, ["namespaces: must be a mapping of users, aliases and rooms"]],
  [{ namespaces: { users: {} } }, ["namespaces.users: must be a list"]],
  [
    { namespaces: { rooms: [{ regex: "(" }] } },
    ["namespaces.rooms[0].exclusive: must be true or false", "namespaces.rooms[0].regex: must be a regular expression"],
  ],
  [{ protocols: "irc" }, ["protocols: must be a list of texts"]],
])("%j is refused", (changes, reports) => {
  expect(parse(changes)).toEqual({ service: undefined, reports });
});

test.each([
  ["@irc_.*:a\\.example", "@irc_alice:a.example", true],
  ["@irc_.*:a\\.example", "@irc_alice:aXexample", false],
  ["@irc_", "@irc_alice:a.example", true],
  ["irc_", "@irc_alice:a.example", false],
  ["@a|@b", "@bob:x", true],
  ["@a$", "@alice:x", false],
  ["@(a|b)+:x", "@abab:x", true],
  ["@(?P<name>\\w+):x", "@abc:x", true],
  ["(?i)@IRC_", "@irc_x:y", true],
  ["@(?!admin).*:x", "@admin:x", false],
  ["@(?!admin).*:x", "@alice:x", true],
  ["\\@irc\\-\\_x", "@irc-_x:y", true],
  ["@[a-z]{2,3}\\Z", "@abc", true],
  ["@(x+x+)+y", `@${"x".repeat(200)}`, false],
  ["", "@anyone:x", true],
])("%s on %s: %p", (pattern, id, expected) => {
  expect(idPattern(pattern)?.(id)).toBe(expected);
});

describe("files", () => {
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-as-"));
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const one = write("one.yaml", JSON.stringify(registration));
  const load = (...files: string[]) => {
    const values = {
      server_name: "a.example",
      signing_key: `ed25519 1 ${Buffer.alloc(32).toString("base64")}`,
      app_service_config_files: files,
    };
    return buildConfig([{ file: "", values }]).config.derived.appServices;
  };

  test("are read", () => {
    const two = write(
      "two.yaml",
      "id: two\nurl: null\nas_token: b\nhs_token: c\nsender_localpart: two\nnamespaces:\n  users:\n    - exclusive: yes\n      regex: '@two.*'\n",
    );
    expect(load(one, two).map(({ id, senderUserId }) => [id, senderUserId])).toEqual([
      ["irc", "@ircbot:a.example"],
      ["two", "@two:a.example"],
    ]);
  });

  test("must differ in id and token", () => {
    const twin = write("twin.yaml", JSON.stringify(registration));
    expect(() => load(one, twin)).toThrow(
      `Error in configuration:\n  ${twin}: id: found "irc", wanted an id that no other application service has\n  ${twin}: as_token: must differ from that of application service irc`,
    );
  });

  test("that cannot be used are named", () => {
    const broken = write("broken.yaml", "a: [");
    const list = write("list.yaml", "- a");
    expect(() => load("/nowhere.yaml", broken, list)).toThrow(
      `Error in configuration:
  app_service_config_files[0]: /nowhere.yaml cannot be read: no such file or directory
  ${broken}, line 1, column 5: not valid YAML: unexpected end of the stream within a flow collection
  ${list}: must be the registration of an application service`,
    );
  });
});
