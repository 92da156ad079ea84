import type { Body, TestClient } from "../builders/client";
import { eventually } from "../builders/eventually";
import { directions, startPair } from "./pair";
import type { Pair } from "./pair";
import { describeWithSynapse } from "./synapse";
import { enc, roomPath, seesMember, shareRoom } from "./together";

describeWithSynapse("people on two servers", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => pair?.close());

  describe.each(directions)("what %s says of its users, %s hears", (home, away) => {
    const together = (options: object = {}) => shareRoom(pair[home], pair[away], options);
    const ephemeral = (sync: Body, roomId: string, type: string): Body =>
      sync.rooms?.join?.[roomId]?.ephemeral?.events.find((event: Body) => event.type === type);

    test("profiles, and their changes in rooms", async () => {
      const [alice, bob, roomId] = await together();
      await alice.ok("PUT", `/profile/${enc(alice.userId)}/displayname`, { displayname: "Alice" });
      await alice.ok("PUT", `/profile/${enc(alice.userId)}/avatar_url`, { avatar_url: `mxc://${pair[home].name}/face` });
      await bob.until((sync) =>
        [...(sync.rooms?.join?.[roomId]?.timeline?.events ?? []), ...(sync.rooms?.join?.[roomId]?.state?.events ?? [])].find(
          ({ content, state_key: key }: Body) => key === alice.userId && content.displayname === "Alice" && content.avatar_url,
        ),
      );
      const profile = await bob.ok("GET", `/profile/${enc(alice.userId)}`);
      expect(profile).toMatchObject({ displayname: "Alice", avatar_url: `mxc://${pair[home].name}/face` });
      expect((await bob.call("GET", `/profile/${enc(`@nobody:${pair[home].name}`)}`)).status).toBe(404);
    });

    test("who types, reads, and is there", async () => {
      const [alice, bob, roomId] = await together();
      const types = (typing: boolean) =>
        alice.ok("PUT", `${roomPath(roomId)}/typing/${enc(alice.userId)}`, { typing, ...(typing && { timeout: 60_000 }) });
      // What a server hears before it has stored the join means nothing to it, so she pauses and types on.
      await eventually(async () => {
        await types(true);
        const seen = ephemeral(await bob.sync(1_000), roomId, "m.typing")?.content.user_ids.includes(alice.userId);
        if (!seen) await types(false);
        return seen === true;
      }, 40_000);
      await types(false);
      await bob.until((sync) => ephemeral(sync, roomId, "m.typing")?.content.user_ids.length === 0 || undefined);

      const eventId = await bob.say(roomId, "read this");
      await alice.sees(roomId, eventId);
      await alice.ok("POST", `${roomPath(roomId)}/receipt/m.read/${enc(eventId)}`, {});
      await bob.until((sync) => ephemeral(sync, roomId, "m.receipt")?.content[eventId]?.["m.read"]?.[alice.userId]);

      await alice.ok("PUT", `/presence/${enc(alice.userId)}/status`, { presence: "online", status_msg: "at home" });
      await bob.until((sync) =>
        sync.presence?.events.find(({ sender, content }: Body) => sender === alice.userId && content.status_msg === "at home"),
      );
    });

    test("devices, their keys, and messages to them", async () => {
      const [alice, bob, roomId] = await together();
      await bob.sync();
      await upload(alice);
      const changed = () => bob.until((sync) => sync.device_lists?.changed?.includes(alice.userId) || undefined);
      await changed();
      const devices = async (): Promise<string[]> => {
        const { device_keys: keys } = await bob.ok("POST", "/keys/query", { device_keys: { [alice.userId]: [] } });
        return Object.keys(keys[alice.userId] ?? {});
      };
      await eventually(async () => (await devices()).includes(alice.deviceId));
      const claim = { one_time_keys: { [alice.userId]: { [alice.deviceId]: "signed_curve25519" } } };
      const { one_time_keys: claimed } = await bob.ok("POST", "/keys/claim", claim);
      expect(claimed[alice.userId][alice.deviceId]).toEqual({ "signed_curve25519:one": expect.objectContaining({ key: "one-time" }) });
      expect((await bob.ok("POST", "/keys/claim", claim)).one_time_keys[alice.userId] ?? {}).toEqual({});

      for (let i = 0; i < 3; i++) {
        const messages = { [alice.userId]: { [alice.deviceId]: { n: i } } };
        await bob.ok("PUT", `/sendToDevice/org.example.test/n${i}`, { messages });
      }
      const heard: number[] = [];
      await alice.until((sync) => {
        for (const { type, sender, content } of sync.to_device?.events ?? [])
          if (type === "org.example.test" && sender === bob.userId) heard.push(content.n);
        return heard.length >= 3 || undefined;
      });
      expect(heard).toEqual([0, 1, 2]);

      await bob.ok("POST", `${roomPath(roomId)}/leave`, {});
      await seesMember(alice, roomId, bob.userId, "leave");
    });

    test("cross-signing keys", async () => {
      const [alice, bob] = await together();
      await bob.sync();
      const key = (usage: string, name: string): object => ({
        user_id: alice.userId,
        usage: [usage],
        keys: { [`ed25519:${name}`]: name },
      });
      const auth = { type: "m.login.password", identifier: { type: "m.id.user", user: alice.userId }, password: "sUp3r s3kr1t" };
      const master = Buffer.alloc(32, 7).toString("base64").replace(/=+$/, "");
      await alice.ok("POST", "/keys/device_signing/upload", { master_key: key("master", master), auth });
      await bob.until((sync) => sync.device_lists?.changed?.includes(alice.userId) || undefined);
      await eventually(async () => {
        const { master_keys: keys } = await bob.ok("POST", "/keys/query", { device_keys: { [alice.userId]: [] } });
        return keys?.[alice.userId]?.keys[`ed25519:${master}`] === master;
      });
    });
  });
});

async function upload({ ok, userId, deviceId }: TestClient): Promise<void> {
  const keys = { [`curve25519:${deviceId}`]: "curve", [`ed25519:${deviceId}`]: "ed" };
  await ok("POST", "/keys/upload", {
    device_keys: { user_id: userId, device_id: deviceId, algorithms: ["m.olm.v1.curve25519-aes-sha2"], keys, signatures: {} },
    one_time_keys: { "signed_curve25519:one": { key: "one-time", signatures: {} } },
  });
}
