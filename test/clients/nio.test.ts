import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EncryptedFile, FileContent } from "matrix-js-sdk/lib/@types/media";
import { downloadEncrypted, uploadEncrypted } from "./attachment";
import { createEncryptedRoom } from "./cryptoRoom";
import { registerWithCrypto, setUp } from "./cryptoUser";
import type { CryptoUser } from "./cryptoUser";
import { onDatabaseServer } from "./deployments";
import type { Server } from "./deployments";
import { pythonClients, startPython } from "./python";
import type { PythonProgram } from "./python";
import { loadSdk } from "./sdk";
import type { Sdk } from "./sdk";
import { createAccount, PASSWORD } from "./user";

const python = pythonClients();
const given = python === undefined ? describe.skip : describe;

given("matrix-nio and matrix-js-sdk", () => {
  let sdk: Sdk;
  let server: Server;
  let alice: CryptoUser;
  let nio: PythonProgram;
  let roomId: string;
  const store = mkdtempSync(join(tmpdir(), "synapse-ts-nio-"));

  beforeAll(async () => {
    sdk = await loadSdk();
    server = await onDatabaseServer();
    alice = await registerWithCrypto(sdk, server.urls[0], "alice");
    await setUp(alice);
    const { user_id: userId } = await createAccount(sdk, server.urls[0], "nina");
    nio = startPython(python ?? "", "person.py", [server.urls[0], userId, PASSWORD, store]);
    await nio.hears((fact) => "device" in fact);
    roomId = await createEncryptedRoom(alice, []);
    await alice.client.invite(roomId, userId);
    await alice.until(roomId, (room) => room.getMember(userId)?.membership === "join");
  });
  afterAll(async () => {
    await nio?.kill();
    await alice?.stop().finally(() => server?.close());
    rmSync(store, { recursive: true, force: true });
  });

  /** The id of what nio sends. */
  const sends = async (wish: Record<string, string>): Promise<string> => {
    const before = nio.facts.length;
    nio.tell({ room: roomId, ...wish });
    const { sent } = await nio.hears((fact) => "sent" in fact && nio.facts.indexOf(fact) >= before);
    return sent as string;
  };

  test("messages both ways, in turn", async () => {
    for (const body of ["one", "two"]) {
      const id = await alice.says(roomId, body);
      expect(await nio.hears(({ message }) => message === id)).toEqual({ message: id, body, decrypted: true });
      expect((await alice.reads(roomId, await sends({ say: body }))).getContent()["body"]).toBe(body);
    }
  });

  test("files both ways", async () => {
    const file = await uploadEncrypted(alice, Buffer.from("a note from Alice"));
    const { event_id: id } = await alice.client.sendMessage(roomId, { msgtype: sdk.MsgType.File, body: "note.txt", file });
    expect(await nio.hears(({ message }) => message === id)).toMatchObject({ body: "a note from Alice", decrypted: true });
    const event = await alice.reads(roomId, await sends({ file: "a note from Nina" }));
    const received = event.getContent<FileContent>().file as EncryptedFile;
    expect((await downloadEncrypted(alice, received)).toString()).toBe("a note from Nina");
  });

  test("after a restart of the server", async () => {
    await server.restart();
    alice.client.retryImmediately();
    const id = await alice.says(roomId, "still there?");
    expect(await nio.hears(({ message }) => message === id)).toMatchObject({ body: "still there?", decrypted: true });
    expect((await alice.reads(roomId, await sends({ say: "yes" }))).getContent()["body"]).toBe("yes");
  });
});
