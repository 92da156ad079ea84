import { notFound } from "../../errors";
import {
  backUpSessions,
  changeBackup,
  createBackup,
  readBackup,
  readSessions,
  removeBackup,
  removeSessions,
} from "../../handlers/keys/backup";
import { anyJson, boolean, integer, object, optional, record, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;
const keysOf = { servlet: "RoomKeysServlet", aliases: prefixes, auth: "user", query: object({ version: string() }) } as const;
const versionsOf = { servlet: "RoomKeysVersionServlet", aliases: prefixes, auth: "user" } as const;

const session = object({
  first_message_index: integer({ minimum: 0 }),
  forwarded_count: integer({ minimum: 0 }),
  is_verified: boolean(),
  session_data: anyJson(),
});
const sessions = object({ sessions: record(session) });
const KEYS = "/_matrix/client/v3/room_keys/keys";
const VERSION = "/_matrix/client/v3/room_keys/version";

export const roomKeyRoutes = group("client.roomKeys", [
  route(`PUT ${KEYS}`, {
    ...keysOf,
    body: object({ rooms: record(sessions) }),
    handle: ({ app, requester, query, body }) => backUpSessions(app, requester.userId, query.version, body.rooms),
  }),
  route(`PUT ${KEYS}/:roomId`, {
    ...keysOf,
    body: sessions,
    handle: ({ app, requester, query, params, body }) =>
      backUpSessions(app, requester.userId, query.version, Object.fromEntries([[params.roomId, body]])),
  }),
  route(`PUT ${KEYS}/:roomId/:sessionId`, {
    ...keysOf,
    body: session,
    handle: ({ app, requester, query, params, body }) =>
      backUpSessions(
        app,
        requester.userId,
        query.version,
        Object.fromEntries([[params.roomId, { sessions: Object.fromEntries([[params.sessionId, body]]) }]]),
      ),
  }),
  route(`GET ${KEYS}`, {
    ...keysOf,
    handle: async ({ app, requester, query }) => ({ rooms: await readSessions(app, requester.userId, query.version, {}) }),
  }),
  route(`GET ${KEYS}/:roomId`, {
    ...keysOf,
    handle: async ({ app, requester, query, params }) => {
      const rooms = await readSessions(app, requester.userId, query.version, params);
      return rooms[params.roomId] ?? { sessions: {} };
    },
  }),
  route(`GET ${KEYS}/:roomId/:sessionId`, {
    ...keysOf,
    handle: async ({ app, requester, query, params }) => {
      const rooms = await readSessions(app, requester.userId, query.version, params);
      const found = rooms[params.roomId]?.sessions[params.sessionId];
      if (!found) throw notFound("No room_keys found");
      return found;
    },
  }),
  route(`DELETE ${KEYS}`, {
    ...keysOf,
    handle: ({ app, requester, query }) => removeSessions(app, requester.userId, query.version, {}),
  }),
  route(`DELETE ${KEYS}/:roomId`, {
    ...keysOf,
    handle: ({ app, requester, query, params }) => removeSessions(app, requester.userId, query.version, params),
  }),
  route(`DELETE ${KEYS}/:roomId/:sessionId`, {
    ...keysOf,
    handle: ({ app, requester, query, params }) => removeSessions(app, requester.userId, query.version, params),
  }),
  route(`POST ${VERSION}`, {
    ...versionsOf,
    servlet: "RoomKeysNewVersionServlet",
    body: object({ algorithm: string(), auth_data: anyJson() }),
    handle: async ({ app, requester, body }) => ({ version: await createBackup(app, requester.userId, body.algorithm, body.auth_data) }),
  }),
  route(`GET ${VERSION}`, {
    ...versionsOf,
    handle: ({ app, requester }) => readBackup(app, requester.userId, undefined),
  }),
  route(`GET ${VERSION}/:version`, {
    ...versionsOf,
    handle: ({ app, requester, params }) => readBackup(app, requester.userId, params.version),
  }),
  route(`PUT ${VERSION}/:version`, {
    ...versionsOf,
    body: object({ algorithm: string(), auth_data: anyJson(), version: optional(string()) }),
    handle: async ({ app, requester, params, body }) => {
      const { algorithm, auth_data: authData, version } = body;
      await changeBackup(app, requester.userId, params.version, { algorithm, authData, version });
      return {};
    },
  }),
  route(`DELETE ${VERSION}/:version`, {
    ...versionsOf,
    handle: async ({ app, requester, params }) => {
      await removeBackup(app, requester.userId, params.version);
      return {};
    },
  }),
]);
