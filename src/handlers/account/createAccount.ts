import { MatrixError } from "../../errors";
import { insertUser } from "../../storage/registrations";
import type { NewSession } from "../../storage/registrations";
import { nextUserNumber } from "../../storage/users";
import type { AccountsApp } from "../auth/accounts";
import { hashToken } from "../auth/tokenFormat";
import { checkDevice, lifetimesOf, newDeviceId, newTokens } from "./sessions";
import type { Session, SessionRequest } from "./sessions";
import { localpartOf, qualify } from "./usernames";

export interface AccountRequest {
  readonly passwordHash?: string;
  readonly kind?: "user" | "guest";
  readonly admin?: boolean;
  readonly userType?: string;
  readonly appserviceId?: string;
  readonly consentVersion?: string;
  /** The localpart unless given. */
  readonly displayname?: string;
  /** Logs the user in at once; absent: nobody is logged in. */
  readonly session?: SessionRequest;
  /** "wait" leaves the account unusable until an administrator approves it (MSC3866). */
  readonly approval?: "given" | "wait";
}

export const userInUse = (): MatrixError => new MatrixError(400, "M_USER_IN_USE", "User ID already taken.");

/** Names that are given out by number may meet accounts that were imported. */
const NUMBER_ATTEMPTS = 20;

function prepareSession(
  app: AccountsApp,
  userId: string,
  request: SessionRequest,
  now: number,
): { readonly row: NewSession; readonly session: Session } {
  checkDevice(request.deviceId, request.displayName);
  const tokens = newTokens(app.random, userId, request.kind);
  const ends = lifetimesOf(app.config, now, request.kind);
  const deviceId = request.deviceId ?? newDeviceId(app.random);
  const { refreshToken } = tokens;
  return {
    row: {
      deviceId,
      deviceName: request.displayName,
      tokenHash: hashToken(tokens.accessToken),
      validUntilTs: ends.access,
      refresh:
        refreshToken === undefined
          ? undefined
          : { tokenHash: hashToken(refreshToken), expiresTs: ends.refresh, sessionExpiresTs: ends.session },
    },
    session: { userId, deviceId, ...tokens, expiresInMs: ends.access === undefined ? undefined : ends.access - now },
  };
}

/**
 * Makes an account, its profile, and its first session when one is asked for: one statement. The device is not announced on the
 * device_lists stream, since nobody shares a room with a new user. Throws 400 M_USER_IN_USE.
 */
export async function createAccount(app: AccountsApp, userId: string, request: AccountRequest): Promise<Session | undefined> {
  const { config } = app;
  const now = app.clock.now();
  const prepared = request.session && prepareSession(app, userId, request.session, now);
  const { account_validity: validity } = config;
  const made = await insertUser(
    app.db,
    {
      userId,
      passwordHash: request.passwordHash,
      createdTs: now,
      isGuest: request.kind === "guest",
      admin: request.admin ?? false,
      userType: request.userType ?? config.user_types.default_user_type,
      appserviceId: request.appserviceId,
      approved: request.approval !== "wait",
      expiresTs: validity.enabled && validity.period !== undefined ? now + validity.period : undefined,
      consentVersion: request.consentVersion,
      displayname: request.displayname ?? localpartOf(userId),
    },
    prepared?.row,
  );
  if (!made) throw userInUse();
  return prepared?.session;
}

/** Makes an account with the next number for a name. */
export async function createNumberedAccount(
  app: AccountsApp,
  request: AccountRequest,
): Promise<{ userId: string; session: Session | undefined }> {
  for (let attempt = 1; ; attempt++) {
    const userId = qualify(String(await nextUserNumber(app.db)), app.serverName);
    try {
      return { userId, session: await createAccount(app, userId, request) };
    } catch (error) {
      if (!(error instanceof MatrixError) || error.errcode !== "M_USER_IN_USE" || attempt === NUMBER_ATTEMPTS) throw error;
    }
  }
}
