import type { AppService } from "../config/appservices";
import type { RateLimit } from "../config/types.generated";

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
  /** Takes the place of configured limits on what the user does; 0 per second: there is none. */
  readonly ownLimit: RateLimit | undefined;
  /** Whose credentials these are: differs from userId for application services and for administrators who act as a user. */
  readonly authenticatedEntity: string;
}

/** The limit that an administrator gave a user. */
export function ownLimitOf(user: { readonly messagesPerSecond: number | null; readonly burstCount: number | null }): RateLimit | undefined {
  const { messagesPerSecond, burstCount } = user;
  return messagesPerSecond === null ? undefined : { per_second: messagesPerSecond, burst_count: burstCount ?? 0 };
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
    ownLimit: undefined,
    authenticatedEntity: userId,
    ...extra,
  };
}
