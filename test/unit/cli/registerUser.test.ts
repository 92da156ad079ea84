import { mkdtempSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../../../src/cli";
import { serverUrl } from "../../../src/cli/registerUser";
import { registrationMac } from "../../../src/cli/sharedSecretRegistration";
import { loadValues } from "../../../src/config/load";
import { testIo } from "./testIo";

const folder = mkdtempSync(join(tmpdir(), "synapse-ts-register-"));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

// computed with another implementation of HMAC
test.each([
  [undefined, false, "7d7c7a0828181231bd92773865fe6fc1a6e70483"],
  [undefined, true, "004a4b97ee5e83916970ba941c4ef40004436a88"],
  ["bot", false, "ecb9e4751197bfb335dd33f91bbd2b50adadacd3"],
])("the mac of type %p, admin %p", (userType, isAdmin, expected) => {
  const mac = registrationMac("shared", "nonce", { user: "alice", password: "pässword", isAdmin, userType });
  expect(mac).toBe(expected);
});

/** A server that knows the shared secret `shared`, and that has an account called taken. */
describe("against a server", () => {
  let server: Server;
  let url = "";
  let seen: unknown[] = [];

  beforeAll((done) => {
    server = createServer((request, response) => {
      const answer = (status: number, body: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (request.url !== "/_synapse/admin/v1/register") return void answer(404, { errcode: "M_UNRECOGNIZED" });
      if (request.method === "GET") return void answer(200, { nonce: "abc" });
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString()));
      request.on("end", () => {
        const body = JSON.parse(text) as {
          nonce: string;
          username: string;
          password: string;
          admin: boolean;
          user_type?: string;
          mac: string;
        };
        seen.push(body);
        const mac = registrationMac("shared", "abc", {
          user: body.username,
          password: body.password,
          isAdmin: body.admin,
          userType: body.user_type,
        });
        if (body.mac !== mac) answer(403, { errcode: "M_FORBIDDEN", error: "HMAC incorrect" });
        else if (body.username === "taken") answer(400, { errcode: "M_USER_IN_USE", error: "User ID already taken." });
        else answer(200, { user_id: `@${body.username}:x` });
      });
    });
    server.listen(0, "127.0.0.1", () => {
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      done();
    });
  });
  afterAll((done) => void server.close(done));
  beforeEach(() => (seen = []));

  test("all on the command line", async () => {
    const io = testIo();
    expect(await main(["register-user", "-u", "alice", "-p", "secret", "-a", "-t", "bot", "-k", "shared", url], io)).toBe(0);
    expect(io.written()).toBe("Sending registration request...\nSuccess!\n");
    expect(seen).toMatchObject([{ nonce: "abc", username: "alice", password: "secret", admin: true, user_type: "bot" }]);
  });

  test("everything asked for", async () => {
    const io = testIo(["alice", "secret", "secret", "yes"]);
    expect(await main(["register-user", "-k", "shared", url], io)).toBe(0);
    expect(io.written()).toBe(
      "New user localpart: Password: Confirm password: Make admin [no]: Sending registration request...\nSuccess!\n",
    );
    expect(seen).toMatchObject([{ username: "alice", password: "secret", admin: true }]);
  });

  test("secret and address out of the configuration", async () => {
    const config = write(
      "h.yaml",
      `server_name: x\nregistration_shared_secret: shared\nlisteners: [{type: http, port: ${new URL(url).port}, bind_addresses: [127.0.0.1], resources: [{names: [client]}]}]\n`,
    );
    expect(await main(["register-user", "-c", config, "-u", "alice", "-p", "secret"], testIo())).toBe(0);
    expect(seen).toMatchObject([{ admin: false }]);
  });

  test("the secret out of a file which the configuration names", async () => {
    const config = write("p.yaml", `server_name: x\nregistration_shared_secret_path: ${write("secret", "shared\n")}\n`);
    expect(
      await main(
        ["register-user", "--config", config, "-u", "alice", "--password-file", write("pw", "from file\n"), "--no-admin", url],
        testIo(),
      ),
    ).toBe(0);
    expect(seen).toMatchObject([{ password: "from file" }]);
  });

  test.each([
    [["-k", "wrong", "-u", "alice", "-p", "x"], [], "ERROR! Received 403: M_FORBIDDEN HMAC incorrect\n"],
    [["-k", "shared", "-u", "taken", "-p", "x"], [], "ERROR! Received 400: M_USER_IN_USE User ID already taken.\n"],
    [["-k", "shared", "-u", "alice"], ["one", "two"], "The passwords differ.\n"],
    [["-k", "shared", "-u", "alice"], [], "The password is missing.\n"],
    [["-k", "shared"], [""], "The name of the account is missing.\n"],
    [["-k", "shared", "-u", "a", "-p", "x", "--password-file", "y"], [], "Give either --password or --password-file, not both.\n"],
  ])("%j fails", async (args, answers, message) => {
    const io = testIo(answers);
    expect(await main(["register-user", ...args, url], io)).toBe(1);
    expect(io.complaints()).toBe(message);
  });

  test("an account that exists already may do", async () => {
    const io = testIo();
    expect(await main(["register-user", "-k", "shared", "-u", "taken", "-p", "x", "--exists-ok", url], io)).toBe(0);
    expect(io.written()).toBe("Sending registration request...\nUser already exists. Skipping.\n");
  });
});

test("no server", async () => {
  const io = testIo();
  expect(await main(["register-user", "-k", "s", "-u", "a", "-p", "x", "http://127.0.0.1:9"], io)).toBe(1);
  expect(io.complaints()).toMatch(
    /^The server does not answer at http:\/\/127\.0\.0\.1:9\/_synapse\/admin\/v1\/register: .*\. Is it running\?\n$/,
  );
});

test("no secret", async () => {
  const io = testIo();
  expect(await main(["register-user", "-c", write("n.yaml", "server_name: x\n"), "-u", "a", "-p", "x"], io)).toBe(1);
  expect(io.complaints()).toBe(
    "The configuration has no registration_shared_secret. Without this secret accounts cannot be made from here.\n",
  );
});

test.each([
  ["[]", "http://localhost:8008"],
  ["[{type: metrics, port: 1}, {type: http, port: 2, resources: [{names: [replication]}]}]", "http://localhost:8008"],
  [
    "[{type: http, port: 8448, tls: true, resources: [{names: [client]}]}, {type: http, port: 8009, resources: [{names: [client]}]}]",
    "http://localhost:8009",
  ],
  ["[{type: http, port: 8448, tls: true, resources: [{names: [client]}]}]", "https://localhost:8448"],
  ["[{type: http, port: 1, bind_addresses: ['::1', '127.0.0.1'], resources: [{names: [client]}]}]", "http://127.0.0.1:1"],
  ["[{type: http, port: 1, bind_addresses: ['10.0.0.1'], resources: [{names: [client]}]}]", "http://10.0.0.1:1"],
  ["[{type: http, port: 1, bind_addresses: ['fd00::1'], resources: [{names: [client]}]}]", "http://[fd00::1]:1"],
])("the address of %s is %s", (listeners, url) => {
  expect(serverUrl(loadValues([write("l.yaml", `server_name: x\nlisteners: ${listeners}\n`)]))).toBe(url);
});
