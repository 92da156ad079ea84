import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { createEncryptedRoom } from "./cryptoRoom";
import { registerWithCrypto } from "./cryptoUser";
import type { CryptoUser } from "./cryptoUser";
import { onDatabaseServer } from "./deployments";
import type { Server } from "./deployments";
import { loadSdk } from "./sdk";
import type { Sdk } from "./sdk";
import { createAccount, PASSWORD, PATIENCE_MS } from "./user";
import { locateChromium, openWebClient } from "./webClient";
import type { WebClient } from "./webClient";

const chromium = locateChromium();
const CAKE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200" width="1200" height="800">
  <rect width="300" height="200" fill="#f3e3c3"/>
  <ellipse cx="150" cy="165" rx="110" ry="14" fill="#d8c3a0"/>
  <path d="M75 110h150v48a10 10 0 0 1-10 10H85a10 10 0 0 1-10-10z" fill="#7b4a2e"/>
  <path d="M75 110q0-25 25-25h100q25 0 25 25q-12 18-25 0q-12 18-25 0q-12 18-25 0q-12 18-25 0q-12 18-25 0q-12 18-25 0z" fill="#fff5f7"/>
  <rect x="146" y="48" width="8" height="38" fill="#5aa9a3"/>
  <path d="M150 28q10 12 0 20q-10-8 0-20z" fill="#f4a340"/>
</svg>`;
/** In a process of its own: the server, of which other tests may have loaded parts into this one, forbids sharp to read drawings. */
function drawn(): Buffer {
  const script = `require("sharp")(Buffer.from(process.argv[1])).png().toBuffer().then((png) => process.stdout.write(png))`;
  return execFileSync(process.execPath, ["-e", script, CAKE]);
}

const given = chromium === undefined ? describe.skip : describe;

given("Hydrogen in Chromium", () => {
  let sdk: Sdk;
  let server: Server;
  let bob: CryptoUser;
  let userId: string;
  let web: WebClient;
  let page: Page;
  let roomId: string;
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-web-"));

  beforeAll(async () => {
    sdk = await loadSdk();
    server = await onDatabaseServer();
    bob = await registerWithCrypto(sdk, server.urls[0], "bob");
    ({ user_id: userId } = await createAccount(sdk, server.urls[0], "alice"));
    await bob.client.setDisplayName("Bob");
    const preset = sdk.Preset.PrivateChat;
    ({ room_id: roomId } = await bob.client.createRoom({ name: "Tea", topic: "at five", preset, invite: [userId] }));
    web = await openWebClient(chromium ?? "", server.urls[0]);
    ({ page } = web);
    page.setDefaultTimeout(PATIENCE_MS);
  });
  afterAll(async () => {
    await web?.close();
    await bob?.stop().finally(() => server?.close());
    rmSync(directory, { recursive: true, force: true });
  });

  const open = async (name: string): Promise<void> => page.locator(".RoomList a", { hasText: name }).click();
  const write = async (text: string): Promise<void> => {
    await page.locator(".MessageComposer_input textarea").fill(text);
    await page.keyboard.press("Enter");
  };
  const shown = (text: string) => page.locator(".Timeline_message", { hasText: text }).waitFor();

  test("Alice logs in and accepts an invitation", async () => {
    await page.locator("#username").fill("alice");
    await page.locator("#password").fill(PASSWORD);
    await page.getByRole("button", { name: "Log In" }).click();
    await open("Tea");
    await page.getByRole("button", { name: "Accept" }).click();
    await bob.until(roomId, (room) => room.getMember(userId)?.membership === "join");
    await page.locator(".MessageComposer").waitFor();
  });

  test("messages both ways", async () => {
    await bob.client.sendTextMessage(roomId, "Will you come?");
    await shown("Will you come?");
    await write("At five, with cake");
    await bob.until(roomId, (room) => room.getLastLiveEvent()?.getContent()["body"] === "At five, with cake");
  });

  test("a picture, and its thumbnail", async () => {
    const file = join(directory, "cake.png");
    writeFileSync(file, drawn());
    await page.locator(".sendFile").click();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByText("Send picture").click()]);
    await chooser.setFiles(file);
    await bob.until(roomId, (room) => room.getLastLiveEvent()?.getContent()["msgtype"] === "m.image");
    // by now from the server, no longer what the page has in memory
    const thumbnail = ".media img[src*='/_matrix/client/v1/media/thumbnail/']";
    await page.waitForFunction(`document.querySelector(${JSON.stringify(thumbnail)})?.naturalWidth > 0`);
    const { SYNAPSE_TS_TEST_SCREENSHOT: path } = process.env;
    if (path !== undefined) await page.screenshot({ path });
  });

  test("encrypted messages both ways, with another implementation", async () => {
    const secret = await createEncryptedRoom(bob, []);
    await bob.client.setRoomName(secret, "Secrets");
    await bob.client.invite(secret, userId);
    await open("Secrets");
    await page.getByRole("button", { name: "Accept" }).click();
    await bob.until(secret, (room) => room.getMember(userId)?.membership === "join");
    await page.getByPlaceholder("Send an encrypted message").waitFor();
    await bob.says(secret, "Nobody else can read this");
    await shown("Nobody else can read this");
    await write("I can");
    await bob.until(secret, (room) => room.getLastLiveEvent()?.getContent()["body"] === "I can");
  });

  test("nothing went wrong on the way: it was refused what there is none of, and expects to be", () => {
    expect(web.complaints()).toEqual([
      "404 GET /.well-known/matrix/client",
      "404 GET /_matrix/client/unstable/org.matrix.msc2697.v2/dehydrated_device",
    ]);
  });
});
