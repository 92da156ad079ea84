import { signingKeyFromSeed, signJson } from "../../../src/rooms/signing";
import type { OwnSigningKey } from "../../../src/rooms/signing";
import type { JsonObject } from "../../../src/lib/json";
import { register } from "../../builders/client";
import type { TestClient } from "../../builders/client";
import { createRoomsServer } from "../rooms/harness";
import type { RoomsServer } from "../rooms/harness";

export interface KeysServer extends RoomsServer {
  /** Registers a user whose syncs begin now. */
  user(name: string): Promise<TestClient>;
  /** Another login of a user. */
  login(user: TestClient): Promise<TestClient>;
}

export async function createKeysServer(overrides: Parameters<typeof createRoomsServer>[0] = {}): Promise<KeysServer> {
  const server = await createRoomsServer(overrides);
  return {
    ...server,
    async user(name) {
      const client = await register(server.url, name);
      await client.sync();
      return client;
    },
    async login(user) {
      const body = { type: "m.login.password", identifier: { type: "m.id.user", user: user.userId }, password: "sUp3r s3kr1t" };
      const answer = (await server.call("POST", "/login", body)).body;
      return clientWith(user, server.url, answer);
    },
  };
}

function clientWith(user: TestClient, url: string, answer: { access_token: string; device_id: string }): TestClient {
  const other = user.on(url);
  const call: TestClient["call"] = async (method, path, body) => {
    const response = await fetch(`${url}/_matrix/client/v3${path}`, {
      method,
      headers: { authorization: `Bearer ${answer.access_token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  return { ...other, deviceId: answer.device_id, token: answer.access_token, call, ok: async (...args) => (await call(...args)).body };
}

let seeds = 0;

/** A signing key named after itself, or after a device. */
export function newKey(userId: string, deviceId?: string): OwnSigningKey {
  const seed = new Uint8Array(32).fill(++seeds);
  const { publicKey } = signingKeyFromSeed(userId, "ed25519:x", seed);
  return signingKeyFromSeed(userId, `ed25519:${deviceId ?? publicKey}`, seed);
}

/** Identity keys of a device, signed by itself. */
export function deviceKeys(client: Pick<TestClient, "userId" | "deviceId">, key: OwnSigningKey): JsonObject {
  const { userId, deviceId } = client;
  const keys = { [`curve25519:${deviceId}`]: "c", [key.keyId]: key.publicKey };
  return signJson({ user_id: userId, device_id: deviceId, algorithms: ["m.olm.v1.curve25519-aes-sha2"], keys }, key);
}

export function crossSigningKey(userId: string, usage: string, key: OwnSigningKey): JsonObject {
  return { user_id: userId, usage: [usage], keys: { [key.keyId]: key.publicKey } };
}
