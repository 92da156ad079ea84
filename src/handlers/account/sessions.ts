import type { Config } from "../../config/config";
import type { JsonObject } from "../../lib/json";
import type { Random } from "../../lib/random";
import { MatrixError } from "../../errors";
import { deleteTokens, insertAccessToken } from "../../storage/accessTokens";
import type { Db } from "../../storage/db";
import { insertDevice } from "../../storage/devices";
import { insertRefreshToken } from "../../storage/refreshTokens";
import { changeAccounts } from "../../writers/accountChanges";
import type { AccountsApp } from "../auth/accounts";
import { hashToken, newAccessToken, newRefreshToken } from "../auth/tokenFormat";
import { tell } from "./hooks";
import { localpartOf } from "./usernames";

/** A device with its tokens, as the client gets them. */
export interface Session {
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expiresInMs: number | undefined;
}

/** Ends of the lives of new tokens, in ms since the epoch; undefined: none. */
export interface Lifetimes {
  readonly access: number | undefined;
  readonly refresh: number | undefined;
  readonly session: number | undefined;
}

const MAX_DEVICE_ID = 512;
const MAX_DEVICE_NAME = 100;

const earliest = (...times: readonly (number | undefined)[]): number | undefined => {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

/** `sessionEnd` of a session that is refreshed stays what it was; a new one lasts `session_lifetime`. */
export function lifetimesOf(config: Config, now: number, kind: "refreshable" | "lasting", sessionEnd?: number): Lifetimes {
  const after = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : now + ms);
  const session = sessionEnd ?? after(config.session_lifetime);
  if (kind === "lasting") {
    return { access: earliest(after(config.nonrefreshable_access_token_lifetime), session), refresh: undefined, session: undefined };
  }
  return {
    access: earliest(after(config.refreshable_access_token_lifetime), session),
    refresh: earliest(after(config.refresh_token_lifetime), session),
    session,
  };
}

/** Fresh token texts for a user. */
export function newTokens(
  random: Random,
  userId: string,
  kind: "refreshable" | "lasting",
): { accessToken: string; refreshToken: string | undefined } {
  const localpart = localpartOf(userId);
  return {
    accessToken: newAccessToken(random, localpart),
    refreshToken: kind === "refreshable" ? newRefreshToken(random, localpart) : undefined,
  };
}

export const newDeviceId = (random: Random): string => random.string(10, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

/** Throws 400 for ids (M_INVALID_PARAM) and names (M_TOO_LARGE) that are too long. */
export function checkDevice(deviceId: string | undefined, displayName: string | undefined): void {
  const refuse = (message: string): MatrixError => new MatrixError(400, "M_INVALID_PARAM", message);
  if (deviceId !== undefined && (deviceId === "" || deviceId.length > MAX_DEVICE_ID)) {
    throw refuse(`device_id cannot be empty or longer than ${MAX_DEVICE_ID} characters`);
  }
  if (displayName !== undefined && displayName.length > MAX_DEVICE_NAME)
    throw new MatrixError(400, "M_TOO_LARGE", `Device display name is too long (max ${MAX_DEVICE_NAME})`);
}

async function insertTokens(
  tx: Db,
  owner: { readonly userId: string; readonly deviceId: string; readonly issuedBy: string | undefined },
  tokens: { readonly accessToken: string; readonly refreshToken: string | undefined },
  ends: Lifetimes,
): Promise<void> {
  const { userId, deviceId } = owner;
  const refreshTokenId =
    tokens.refreshToken === undefined
      ? undefined
      : await insertRefreshToken(tx, {
          tokenHash: hashToken(tokens.refreshToken),
          userId,
          deviceId,
          expiresTs: ends.refresh,
          sessionExpiresTs: ends.session,
        });
  const tokenHash = hashToken(tokens.accessToken);
  await insertAccessToken(tx, { tokenHash, userId, deviceId, validUntilTs: ends.access, issuedBy: owner.issuedBy, refreshTokenId });
}

export interface SessionRequest {
  /** Absent: a new device. One that is there keeps its name and loses its old tokens. */
  readonly deviceId?: string;
  readonly displayName?: string;
  readonly kind: "refreshable" | "lasting";
}

/** Logs a user in on a device, new or not. */
export async function createSession(app: AccountsApp, userId: string, request: SessionRequest): Promise<Session> {
  checkDevice(request.deviceId, request.displayName);
  const now = app.clock.now();
  const tokens = newTokens(app.random, userId, request.kind);
  const ends = lifetimesOf(app.config, now, request.kind);
  const deviceId = request.deviceId ?? newDeviceId(app.random);
  const goneTokens = await changeAccounts(app, async (tx) => {
    const [gone, isNew] = await Promise.all([
      request.deviceId === undefined ? [] : deleteTokens(tx, userId, { deviceIds: [deviceId] }),
      insertDevice(tx, { userId, deviceId, displayName: request.displayName, createdTs: now }),
    ]);
    await insertTokens(tx, { userId, deviceId, issuedBy: undefined }, tokens, ends);
    return {
      value: gone,
      devices: isNew ? [{ userId, deviceId }] : [],
      accounts: gone.length > 0 ? [{ userId, what: "tokens" as const }] : [],
    };
  });
  if (goneTokens.length > 0) {
    await tell(app.accounts.onError, app.accounts.listeners.tokensDeleted, { userId, tokenIds: goneTokens });
  }
  return { userId, deviceId, ...tokens, expiresInMs: ends.access === undefined ? undefined : ends.access - now };
}

/** Makes a device without logging in (application services, dehydrated devices). Gives whether it is new. */
export async function registerDevice(app: AccountsApp, userId: string, deviceId: string, displayName?: string): Promise<boolean> {
  checkDevice(deviceId, displayName);
  return changeAccounts(app, async (tx) => {
    const isNew = await insertDevice(tx, { userId, deviceId, displayName, createdTs: app.clock.now() });
    return { value: isNew, devices: isNew ? [{ userId, deviceId }] : [] };
  });
}

/** A token with which an administrator acts as a user, without a device (POST /_synapse/admin/v1/users/:id/login). */
export async function createPuppetToken(
  app: AccountsApp,
  userId: string,
  admin: string,
  validUntilTs: number | undefined,
): Promise<string> {
  const { accessToken } = newTokens(app.random, userId, "lasting");
  const tokenHash = hashToken(accessToken);
  await insertAccessToken(app.db, { tokenHash, userId, deviceId: undefined, validUntilTs, issuedBy: admin, refreshTokenId: undefined });
  return accessToken;
}

/** The fields that register and login have in common. */
export function sessionBody(serverName: string, session: Session): JsonObject {
  return {
    user_id: session.userId,
    access_token: session.accessToken,
    home_server: serverName,
    device_id: session.deviceId,
    ...(session.refreshToken !== undefined && { refresh_token: session.refreshToken }),
    ...(session.expiresInMs !== undefined && { expires_in_ms: session.expiresInMs }),
  };
}
