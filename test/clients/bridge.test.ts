import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../builders/eventually";
import { freePorts } from "../builders/process";
import { onDatabaseServer } from "./deployments";
import type { Server } from "./deployments";
import { pythonClients, startPython } from "./python";
import type { PythonProgram } from "./python";
import { loadSdk } from "./sdk";
import type { Sdk } from "./sdk";
import { register } from "./user";
import type { User } from "./user";

const python = pythonClients();
const given = python === undefined ? describe.skip : describe;

const registration = (port: number): object => ({
  id: "echo",
  url: `http://127.0.0.1:${port}`,
  as_token: "as-secret",
  hs_token: "hs-secret",
  sender_localpart: "echo_bot",
  rate_limited: false,
  receive_ephemeral: true,
  namespaces: {
    users: [{ exclusive: true, regex: "@echo_.*" }],
    aliases: [{ exclusive: true, regex: "#echo_.*" }],
    rooms: [],
  },
});

given("an echo bridge on mautrix", () => {
  let sdk: Sdk;
  let server: Server;
  let bridge: PythonProgram;
  let port: number;
  let alice: User;
  let domain: string;
  let roomId: string;
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-bridge-"));

  const startBridge = async (): Promise<void> => {
    bridge = startPython(python ?? "", "bridge.py", [server.urls[0], domain, `${port}`]);
    expect(await bridge.hears((fact) => "ready" in fact)).toEqual({ ready: true, ping: true });
  };

  beforeAll(async () => {
    sdk = await loadSdk();
    [port = 0] = await freePorts(1);
    const file = join(directory, "registration.yaml");
    writeFileSync(file, JSON.stringify(registration(port)));
    server = await onDatabaseServer({ app_service_config_files: [file] });
    alice = await register(sdk, server.urls[0], "alice");
    domain = alice.client.getDomain() ?? "";
    await startBridge();
  });
  afterAll(async () => {
    alice?.client.stopClient();
    await bridge?.kill();
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test("a room comes into being when somebody asks for its alias, and what is said there comes back", async () => {
    ({ roomId } = await alice.client.joinRoom(`#echo_room:${domain}`));
    await alice.client.sendTextMessage(roomId, "hello");
    await alice.until(roomId, (room) => {
      const last = room.getLastLiveEvent();
      return last?.getSender() === `@echo_alice:${domain}` && last.getContent()["body"] === "hello";
    });
  });

  test("a user comes into being when somebody invites it, and joins", async () => {
    const ghost = `@echo_zoe:${domain}`;
    const { room_id: other } = await alice.client.createRoom({ preset: sdk.Preset.PrivateChat, invite: [ghost] });
    await alice.until(other, (room) => room.getMember(ghost)?.membership === "join");
    expect(bridge.facts).toContainEqual({ user: ghost });
  });

  test("it is told who types", async () => {
    await alice.client.sendTyping(roomId, true, 60_000);
    await bridge.hears(({ typing }) => Array.isArray(typing) && typing.includes(alice.userId));
  });

  test("through crashes of both sides nothing is lost and nothing doubled", async () => {
    const said: string[] = [];
    /** Until the server has it. */
    const say = async (body: string): Promise<void> => {
      const path = `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${body}`;
      const content = { msgtype: "m.text", body };
      await eventually(() =>
        alice.client.http.authedRequest(sdk.Method.Put, path, undefined, content).then(
          () => true,
          () => false,
        ),
      );
      said.push(body);
    };
    const sayMany = async (name: string): Promise<void> => {
      for (let i = 0; i < 10; i++) await say(`${name}${i}`);
    };
    const echoes = async (): Promise<string[]> => {
      const { chunk } = await alice.client.createMessagesRequest(roomId, null, 500, sdk.Direction.Forward);
      return chunk.filter(({ content }) => content["msgtype"] === "m.notice").map(({ content }) => content["body"] as string);
    };
    await sayMany("before");
    await bridge.kill();
    await sayMany("while-it-is-away");
    await startBridge();
    await Promise.all([sayMany("while-the-server-crashes"), server.restart("kill")]);
    await Promise.all([sayMany("while-the-bridge-crashes"), bridge.kill().then(startBridge)]);
    await Promise.all([sayMany("while-the-server-stops"), server.restart()]);
    await say("last");
    await eventually(async () => (await echoes()).includes("last"), 30_000);
    expect(await echoes()).toEqual(["hello", ...said]);
  });
});
