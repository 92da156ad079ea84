import type { AppService } from "../config/appservices";

/** Who makes a request: a user of this server, maybe through an application service or an administrator who acts for them. */
export interface Requester {
  readonly userId: string;
  readonly deviceId: string | undefined;
  readonly accessTokenId: number | undefined;
  readonly isGuest: boolean;
  /** A server administrator. */
  readonly isAdmin: boolean;
  /** Nothing this user sends may reach anybody, and they must not notice. */
  readonly shadowBanned: boolean;
  readonly appservice: AppService | undefined;
  /** Whose credentials these are: differs from userId for application services and for administrators who act as a user. */
  readonly authenticatedEntity: string;
}

/** For internal callers: the user, with no special rights and without limits of a client. */
export function requesterFor(userId: string, extra: Partial<Omit<Requester, "userId">> = {}): Requester {
  return {
    userId,
    deviceId: undefined,
    accessTokenId: undefined,
    isGuest: false,
    isAdmin: false,
    shadowBanned: false,
    appservice: undefined,
    authenticatedEntity: userId,
    ...extra,
  };
}
