import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { history as messagesIn, register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { startNginx } from "../builders/nginx";
import type { TestProxy } from "../builders/nginx";
import { createPeer, peerConfig } from "../builders/peer";
import type { Peer } from "../builders/peer";
import { joinPeer } from "../builders/peerRoom";
import { startTestPostgres } from "../builders/postgres";
import type { TestPostgres } from "../builders/postgres";
import { createFakeGateway } from "../server/push/fakeGateway";
import type { FakeGateway } from "../server/push/fakeGateway";
import { keyOf, messagesOf } from "./crew";
import type { History, Outcome } from "./history";
import type { Happened } from "./report";
import type { Fault } from "./schedule";

const generic = ["generic1", "generic2"];
const persisters = ["persister1", "persister2"];
const senders = ["sender1", "sender2"];
/** They come and go while the others work. */
export const extra = ["generic3", "persister3"];
export const processes = ["main", ...generic, ...persisters, ...senders, "pusher1", "media1"];

const CLIENTS = 50;
const ROOMS = 4;
export const KEYS = 500;

/** Everything that faults happen to. */
export interface Stage {
  readonly deployment: TestDeployment;
  readonly postgres: TestPostgres;
  readonly proxy: TestProxy;
  readonly peer: Peer;
  readonly gateway: FakeGateway;
  readonly clients: readonly TestClient[];
  readonly rooms: readonly string[];
  /** Ends everything; processes that are still there have to stop cleanly. */
  close(): Promise<void>;
  /** Ends everything in whatever state it is. */
  abandon(): Promise<void>;
}

async function start(closers: (() => Promise<void>)[]): Promise<Omit<Stage, "clients" | "rooms" | "close" | "abandon">> {
  const gateway = await createFakeGateway();
  closers.push(() => gateway.close());
  const postgres = await startTestPostgres();
  closers.push(() => postgres.stop());
  const writers = [...persisters, "persister3"];
  const app = (name: string) => ({ worker_app: `synapse.app.${name}` });
  const deployment = await startDeployment({
    workers: processes.filter((name) => name !== "main"),
    later: extra,
    server: postgres.options,
    shared: {
      ...peerConfig,
      stream_writers: Object.fromEntries(
        ["events", "to_device", "account_data", "receipts", "typing", "presence"].map((one) => [one, writers]),
      ),
      federation_sender_instances: senders,
      pusher_instances: ["pusher1"],
      enable_media_repo: false,
      media_instance_running_background_jobs: "media1",
      media_store_path: "media_store",
    },
    own: {
      ...Object.fromEntries(senders.map((name) => [name, app("federation_sender")])),
      pusher1: app("pusher"),
      media1: { ...app("media_repository"), enable_media_repo: true },
    },
  });
  closers.push(() => deployment.close());
  const files = readdirSync(deployment.directory).filter((name) => /^(generic|media).*\.yaml$/.test(name));
  const proxy = await startNginx(
    join(deployment.directory, "homeserver.yaml"),
    files.map((name) => join(deployment.directory, name)),
  );
  closers.push(() => proxy.stop());
  const peer = await createPeer({ url: deployment.url("main"), serverName: "test.local" });
  closers.push(() => peer.close());
  peer.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
  return { gateway, postgres, deployment, proxy, peer };
}

/** A server with its proxy, clients in rooms without messages, another server in the first room, and a phone of the first client. */
export async function openStage(): Promise<Stage> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    const parts = await start(closers);
    const { proxy, peer, gateway } = parts;
    const clients: TestClient[] = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await register(proxy.url, `client${i}`));
    const [first] = clients as [TestClient];
    const rooms: string[] = [];
    for (let i = 0; i < ROOMS; i++) rooms.push(await first.createRoom({ preset: "public_chat", room_version: "10" }));
    for (const client of clients) {
      for (const roomId of rooms) await client.join(roomId);
      const keys = Array.from({ length: KEYS }, (_, n) => [`signed_curve25519:k${n}`, { key: keyOf(client.userId, n), signatures: {} }]);
      await client.ok("POST", "/keys/upload", { one_time_keys: Object.fromEntries(keys) });
    }
    await joinPeer(peer, rooms[0] ?? "", peer.user("bob"));
    const names = { app_id: "app", app_display_name: "App", device_display_name: "Phone", lang: "en" };
    await first.ok("POST", "/pushers/set", { ...names, kind: "http", pushkey: first.userId, data: { url: gateway.url } });
    const abandon = async (): Promise<void> => {
      const here = [...processes, ...extra].filter((name) => parts.deployment.has(name));
      await Promise.all(here.map((name) => parts.deployment.process(name).kill()));
      await close();
    };
    return { ...parts, clients, rooms, close, abandon };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

/** Lets the faults happen one after another, and mends each. */
export async function playFaults(stage: Stage, faults: readonly Fault[], told: (fault: Fault) => void): Promise<Happened[]> {
  const happened: Happened[] = [];
  for (const fault of faults) {
    told(fault);
    const from = performance.now();
    await happen(stage, fault);
    happened.push({ ...fault, from, to: performance.now() });
    await sleep(fault.pauseMs);
  }
  return happened;
}

async function happen({ deployment, postgres }: Stage, { kind, target, holdMs }: Fault): Promise<void> {
  const around = async (begin: () => void | Promise<void>, end: () => void | Promise<void>): Promise<void> => {
    await begin();
    await sleep(holdMs);
    await end();
  };
  const isHere = deployment.has(target);
  if (kind === "kill")
    await around(
      () => deployment.process(target).kill(),
      () => deployment.start(target),
    );
  else if (kind === "stop")
    await around(
      () => deployment.process(target).stop(),
      () => deployment.start(target),
    );
  else if (kind === "freeze")
    await around(
      () => deployment.process(target).freeze(),
      () => deployment.process(target).thaw(),
    );
  else if (kind === "add or remove") await (isHere ? deployment.process(target).stop() : deployment.start(target));
  else if (kind === "redis kill")
    await around(
      () => deployment.redis.kill(),
      () => deployment.redis.restart(),
    );
  else if (kind === "redis freeze")
    await around(
      () => deployment.redis.freeze(),
      () => deployment.redis.thaw(),
    );
  else if (kind === "database crash")
    await around(
      () => postgres.kill(),
      () => postgres.restart(),
    );
  else if (kind === "database restart")
    await around(
      () => postgres.shutDown(),
      () => postgres.restart(),
    );
  else
    await around(
      () => postgres.freeze(),
      () => postgres.thaw(),
    );
}

/** Until nothing more has come for a while to anybody who has yet to hear of something. */
const PATIENCE_MS = 30_000;

/** To look is work for the process in which the gateway and the other server have to answer, too. */
const LOOK_MS = 1_000;

/** Waits until all that was acknowledged has arrived everywhere, or nothing more comes: what is missing then is for the checker to tell. */
export async function settle(stage: Stage, history: History): Promise<void> {
  const complete = (): boolean => {
    const events = history.operations.filter(({ what, acknowledged }) => what === "event" && acknowledged !== undefined);
    const messages = history.operations.filter(({ what }) => what === "to-device");
    const ids = history.readers.map(({ rooms }) => new Set([...rooms.values()].flat().map(({ id }) => id)));
    const bodies = deliveriesOf(stage);
    return (
      ids.every((seen) => events.every(({ result = "" }) => seen.has(result))) &&
      history.readers.every(({ client, toDevice }) => toDevice.length >= messages.filter(({ target }) => target === client).length) &&
      bodies.every(({ to, rooms, bodies: got }) =>
        events.every(({ client, target, key }) => client === to || !rooms.has(target) || got.has(key)),
      )
    );
  };
  const arrived = (): number =>
    history.readers.reduce((sum, { rooms, toDevice }) => sum + toDevice.length + [...rooms.values()].flat().length, 0) +
    stage.gateway.received(stage.clients[0]?.userId ?? "").length +
    stage.peer.requests.length;
  for (let [most, since] = [0, performance.now()]; performance.now() - since < PATIENCE_MS && !complete(); await sleep(LOOK_MS)) {
    const now = arrived();
    if (now > most) [most, since] = [now, performance.now()];
  }
}

function deliveriesOf({ peer, gateway, clients, rooms }: Stage): Outcome["deliveries"] {
  const [first] = clients as [TestClient];
  const pdus = peer.requests.flatMap(({ body }) => body?.pdus ?? []);
  const pushed = gateway.received(first.userId).flatMap(({ content }) => content?.body ?? []);
  return [
    { to: peer.name, rooms: new Set(rooms.slice(0, 1)), bodies: new Set(messagesOf(pdus).map(({ body }) => body)), fetchesMissing: true },
    { to: first.userId, rooms: new Set(rooms), bodies: new Set(pushed), fetchesMissing: false },
  ];
}

/** What the server says now, by way of several processes. */
export async function readOutcome(stage: Stage, history: History): Promise<Outcome> {
  const { clients, rooms, deployment, proxy } = stage;
  const [first] = clients as [TestClient];
  const at = ["main", ...generic].map((name) => deployment.url(name));
  const readings = new Map<string, ReturnType<typeof messagesOf>[]>();
  for (const roomId of rooms) {
    const all: ReturnType<typeof messagesOf>[] = [];
    for (const url of at) all.push(messagesOf(await messagesIn(first.on(url), roomId)));
    readings.set(roomId, all);
  }
  const keysLeft = new Map<string, number>();
  const accountData = new Map<string, string[]>();
  for (const client of clients) {
    const counts = await client.ok("POST", "/keys/upload", {});
    keysLeft.set(client.userId, counts.one_time_key_counts.signed_curve25519 ?? 0);
    if (!history.operations.some(({ what, client: of }) => what === "account data" && of === client.userId)) continue;
    const path = `/user/${encodeURIComponent(client.userId)}/account_data/org.example.test`;
    const values = await Promise.all(at.map((url) => client.on(url).ok("GET", path)));
    accountData.set(
      client.userId,
      values.map(({ key }) => key),
    );
  }
  const spoiltUploads: string[] = [];
  for (const { what, result = "", key } of history.operations) {
    if (what !== "upload" || result === "") continue;
    const response = await fetch(`${proxy.url}/_matrix/client/v1/media/download/${result.slice("mxc://".length)}`, {
      headers: { authorization: `Bearer ${first.token}` },
    });
    if ((await response.text()) !== key) spoiltUploads.push(result);
  }
  return { rooms: readings, keysLeft, accountData, spoiltUploads, deliveries: deliveriesOf(stage) };
}
