import { PASSWORD, login, register, request } from "../../builders/client";
import type { TestClient } from "../../builders/client";
import { enc, mentions, roomPath, syncAll } from "./step";
import type { Kinds } from "./step";

const whoami = (client: TestClient) => client.call("GET", "/account/whoami");
const proof = (client: TestClient, password = PASSWORD) => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user: client.userId },
  password,
});
const loginBody = (client: TestClient, password = PASSWORD) => ({ ...proof(client, password), initial_device_display_name: "One more" });
const adminUser = (client: TestClient): string => `/_synapse/admin/v2/users/${enc(client.userId)}`;
const nobody = { access_token: "none" };
/** 32 bytes in unpadded base64 that only this word gives. */
const keyOf = (word: string): string => Buffer.alloc(32, word).toString("base64").replace(/=+$/, "");
const deviceKeys = (client: TestClient) => ({
  user_id: client.userId,
  device_id: client.deviceId,
  algorithms: ["m.olm.v1.curve25519-aes-sha2"],
  keys: { [`curve25519:${client.deviceId}`]: "key", [`ed25519:${client.deviceId}`]: "key" },
  signatures: {},
});

/** Accounts, their sessions and the keys of their devices. */
export const accountKinds: Kinds = {
  "a new account": ({ w, r, word }) => ({
    write: () => request(w.url, "POST", "/register", { username: word, password: PASSWORD, auth: { type: "m.login.dummy" } }),
    read: (written) => whoami(r.bob.as(written ?? nobody)),
    shows: ({ body }, written) => written !== undefined && body.user_id === written.user_id,
  }),
  "a login": ({ w, r }) => ({
    write: () => w.bob.call("POST", "/login", loginBody(w.bob)),
    read: (written) => whoami(r.bob.as(written ?? nobody)),
    shows: ({ body }, written) => written !== undefined && body.device_id === written.device_id,
  }),
  "a logout": async ({ w, r }) => {
    const session = await login(r.url, w.bob.userId);
    return {
      write: () => session.on(w.url).call("POST", "/logout", {}),
      read: () => whoami(session),
      shows: ({ status }) => status === 401,
    };
  },
  "a logout of all": async ({ w, r, word }) => {
    const session = await register(r.url, word);
    return {
      write: () => session.on(w.url).call("POST", "/logout/all", {}),
      read: () => whoami(session),
      shows: ({ status }) => status === 401,
    };
  },
  "a token made anew": async ({ w, r }) => {
    const { refresh_token } = await w.bob.ok("POST", "/login", { ...loginBody(w.bob), refresh_token: true });
    return {
      write: () => w.bob.call("POST", "/refresh", { refresh_token }),
      read: (written) => whoami(r.bob.as(written ?? nobody)),
      shows: ({ status }) => status === 200,
    };
  },
  "a password": async ({ w, r, word }) => {
    const person = await register(w.url, word);
    return {
      write: () => person.call("POST", "/account/password", { new_password: word, auth: proof(person) }),
      read: () => r.bob.call("POST", "/login", loginBody(person, word)),
      shows: ({ status }) => status === 200,
    };
  },
  "a password, to other sessions": async ({ w, r, word }) => {
    const person = await register(w.url, word);
    const session = await login(r.url, person.userId);
    return {
      write: () => person.call("POST", "/account/password", { new_password: word, auth: proof(person) }),
      read: () => whoami(session),
      shows: ({ status }) => status === 401,
    };
  },
  "an account that is closed": async ({ w, r, word }) => {
    const person = await register(r.url, word);
    return {
      write: () => person.on(w.url).call("POST", "/account/deactivate", { auth: proof(person) }),
      read: () => whoami(person),
      shows: ({ status }) => status === 401,
    };
  },
  "an account that is locked": async ({ w, r, word }) => {
    const person = await register(r.url, word);
    return {
      write: () => w.admin.call("PUT", adminUser(person), { locked: true }),
      read: () => whoami(person),
      shows: ({ status }) => status === 401,
    };
  },
  "an account that is suspended": async ({ w, r, roomId, word }) => {
    const person = await register(r.url, word);
    await person.join(roomId);
    return {
      write: () => w.admin.call("PUT", `/_synapse/admin/v1/suspend/${enc(person.userId)}`, { suspend: true }),
      read: () => person.call("POST", roomPath(roomId, "send/m.room.message"), { body: "x" }),
      shows: ({ status }) => status === 403,
    };
  },
  "an administrator": async ({ w, r, word }) => {
    const person = await register(r.url, word);
    return {
      write: () => w.admin.call("PUT", adminUser(person), { admin: true }),
      read: () => person.call("GET", "/_synapse/admin/v1/rooms?limit=1"),
      shows: ({ status }) => status === 200,
    };
  },
  "a room that is blocked": async ({ w, r }) => {
    const roomId = await w.alice.createRoom({ preset: "public_chat" });
    return {
      write: () => w.admin.call("PUT", `/_synapse/admin/v1/rooms/${enc(roomId)}/block`, { block: true }),
      read: (written) => (written ? r.bob.call("POST", `/join/${enc(roomId)}`, {}) : whoami(r.bob)),
      shows: ({ status }) => status === 403,
    };
  },
  "a file in quarantine": async ({ w, r, word }) => {
    const media = (await w.bob.ok("POST", "/_matrix/media/v3/upload", { word })).content_uri.slice("mxc://".length);
    return {
      write: () => w.admin.call("POST", `/_synapse/admin/v1/media/quarantine/${media}`, {}),
      read: () => r.alice.call("GET", `/_matrix/client/v1/media/download/${media}`),
      shows: ({ status }) => status === 404,
    };
  },
  "a name of a device": ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", `/devices/${enc(w.bob.deviceId)}`, { display_name: word }),
    read: () => r.bob.call("GET", `/devices/${enc(w.bob.deviceId)}`),
    shows: ({ body }) => body.display_name === word,
  }),
  "a device that is deleted": async ({ w, r }) => {
    const session = await login(r.url, w.bob.userId);
    return {
      write: () => w.bob.call("DELETE", `/devices/${enc(session.deviceId)}`, { auth: proof(w.bob) }),
      read: () => whoami(session),
      shows: ({ status }) => status === 401,
    };
  },
  "a message to a device": ({ w, r, word }) => ({
    write: () => w.alice.call("PUT", `/sendToDevice/org.example/${word}`, { messages: { [w.bob.userId]: { [w.bob.deviceId]: { word } } } }),
    read: () => syncAll(r.bob),
    shows: (answer) => mentions({ ...answer, body: answer.body.to_device ?? {} }, word),
  }),
  "a message to a device that was fetched": async ({ w, r, word }) => {
    await w.alice.ok("PUT", `/sendToDevice/org.example/${word}`, { messages: { [w.bob.userId]: { [w.bob.deviceId]: { word } } } });
    const { next_batch } = (await syncAll(w.bob)).body;
    return {
      write: () => w.bob.call("GET", `/sync?timeout=0&since=${next_batch}`),
      read: () => syncAll(r.bob),
      shows: (answer) => !mentions({ ...answer, body: answer.body.to_device ?? {} }, word),
    };
  },
  "keys of a device": async ({ w, r }) => {
    const session = await login(w.url, w.bob.userId);
    return {
      write: () => session.call("POST", "/keys/upload", { device_keys: deviceKeys(session) }),
      read: () => r.alice.call("POST", "/keys/query", { device_keys: { [w.bob.userId]: [session.deviceId] } }),
      shows: (answer) => mentions(answer, session.deviceId),
    };
  },
  "keys of a device, as a change": async ({ w, r }) => {
    const session = await login(w.url, w.bob.userId);
    const since = (await syncAll(r.alice)).body.next_batch;
    return {
      write: () => session.call("POST", "/keys/upload", { device_keys: deviceKeys(session) }),
      read: () => r.alice.call("GET", `/sync?timeout=0&since=${since}`),
      shows: ({ body }) => (body.device_lists?.changed ?? []).includes(w.bob.userId),
    };
  },
  "one-time keys, counted": async ({ w, r }) => {
    const session = await login(w.url, w.bob.userId);
    return {
      write: () => session.call("POST", "/keys/upload", { one_time_keys: { "signed_curve25519:A": { key: "a", signatures: {} } } }),
      read: () => syncAll(session.on(r.url)),
      shows: ({ body }) => body.device_one_time_keys_count.signed_curve25519 === 1,
    };
  },
  "one-time keys, claimed": async ({ w, r, word }) => {
    const session = await login(w.url, w.bob.userId);
    return {
      write: () => session.call("POST", "/keys/upload", { one_time_keys: { "signed_curve25519:A": { key: word, signatures: {} } } }),
      read: () => r.alice.call("POST", "/keys/claim", { one_time_keys: { [w.bob.userId]: { [session.deviceId]: "signed_curve25519" } } }),
      shows: (answer) => mentions(answer, word),
    };
  },
  "keys for cross-signing": async ({ w, r, word }) => {
    const person = await register(w.url, word);
    const key = keyOf(word);
    const master_key = { user_id: person.userId, usage: ["master"], keys: { [`ed25519:${key}`]: key } };
    return {
      write: () => person.call("POST", "/keys/device_signing/upload", { master_key, auth: proof(person) }),
      read: () => r.alice.call("POST", "/keys/query", { device_keys: { [person.userId]: [] } }),
      shows: (answer) => mentions(answer, key),
    };
  },
  "a backup of keys": ({ w, r, word }) => ({
    write: () =>
      w.bob.call("POST", "/room_keys/version", { algorithm: "m.megolm_backup.v1.curve25519-aes-sha2", auth_data: { public_key: word } }),
    read: () => r.bob.call("GET", "/room_keys/version"),
    shows: (answer) => mentions(answer, word),
  }),
  "a token for others": ({ w, r }) => ({
    write: () => w.bob.call("POST", userPathOf(w.bob), {}),
    read: (written) => request(r.url, "GET", "/_matrix/federation/v1/openid/userinfo", undefined, written?.access_token ?? "none"),
    shows: ({ body }) => body.sub === w.bob.userId,
  }),
};

function userPathOf(client: TestClient): string {
  return `/user/${enc(client.userId)}/openid/request_token`;
}
