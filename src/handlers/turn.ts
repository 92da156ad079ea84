import { createHmac } from "node:crypto";
import { MatrixError } from "../errors";
import type { JsonObject } from "../lib/json";
import type { App } from "./app";
import type { Requester } from "./requester";

/**
 * Credentials for the TURN servers of the configuration (client-server API, "VoIP"): made for the user out of the shared secret as
 * the TURN REST API has it, or those that the file names. Empty without TURN servers.
 */
export function turnCredentials(app: Pick<App, "config" | "clock">, requester: Requester): JsonObject {
  const {
    turn_uris: uris,
    turn_shared_secret: secret,
    turn_username: username,
    turn_password: password,
    turn_user_lifetime: lifetime,
  } = app.config;
  if (requester.isGuest && !app.config.turn_allow_guests)
    throw new MatrixError(403, "M_GUEST_ACCESS_FORBIDDEN", "Guest access not allowed");
  if (uris.length === 0) return {};
  const base = { uris: [...uris], ttl: Math.floor(lifetime / 1000) };
  if (secret === undefined) return username !== undefined && password !== undefined ? { username, password, ...base } : {};
  const name = `${Math.floor((app.clock.now() + lifetime) / 1000)}:${requester.userId}`;
  return { username: name, password: createHmac("sha1", secret).update(name).digest("base64"), ...base };
}
