import type { AppService } from "../../config/appservices";
import { forbidden, MatrixError } from "../../errors";
import type { HttpRequest } from "../request";
import { ownLimitOf, requesterFor } from "../requester";
import type { Requester } from "../requester";
import { serverOf } from "../account/usernames";
import type { AccountsApp } from "./accounts";

type AuthRequest = Pick<HttpRequest, "ip" | "userAgent" | "query">;

export interface AppserviceAuth {
  find(token: string): AppService | undefined;
  /** The user for whom the application service speaks: `user_id` of the query, inside its namespace, or its own sender. */
  requester(appservice: AppService, request: AuthRequest): Requester | Promise<Requester>;
}

/** Whether the user belongs to the application service: its own sender, or in one of its namespaces. */
export function ownsUser(appservice: AppService, userId: string): boolean {
  return userId === appservice.senderUserId || appservice.namespaces.users.some((namespace) => namespace.matches(userId));
}

/** The application service that alone may have this user, if it is another one than `except`. */
export function exclusiveOwner(appservices: readonly AppService[], userId: string, except?: AppService): AppService | undefined {
  return appservices.find(
    (service) =>
      service !== except &&
      (userId === service.senderUserId || service.namespaces.users.some((namespace) => namespace.exclusive && namespace.matches(userId))),
  );
}

const first = (request: AuthRequest, name: string): string | undefined => request.query(name)?.[0];

export function createAppserviceAuth(app: Pick<AccountsApp, "config" | "accounts" | "serverName">): AppserviceAuth {
  const { accounts } = app;
  const byToken = new Map(app.config.derived.appServices.map((service) => [service.asToken, service]));

  async function hasDevice(userId: string, deviceId: string): Promise<boolean> {
    if ((await accounts.deviceIds.load(userId))?.has(deviceId)) return true;
    // New devices are not announced to this cache, so a miss is looked up once more.
    accounts.deviceIds.delete(userId);
    return (await accounts.deviceIds.load(userId))?.has(deviceId) ?? false;
  }

  async function asOther(appservice: AppService, request: AuthRequest, userId: string, deviceId: string | undefined): Promise<Requester> {
    if (serverOf(userId) !== app.serverName || !ownsUser(appservice, userId)) {
      throw forbidden(`Application service cannot masquerade as this user (${userId}).`);
    }
    const [user, deviceKnown] = await Promise.all([accounts.users.load(userId), deviceId === undefined || hasDevice(userId, deviceId)]);
    if (!user && userId !== appservice.senderUserId) throw forbidden(`Application service has not registered this user (${userId})`);
    if (user?.deactivated) throw new MatrixError(403, "M_USER_DEACTIVATED", "This account has been deactivated");
    if (!deviceKnown) {
      const message = `Application service trying to use a device that doesn't exist ('${deviceId}' for ${userId})`;
      throw new MatrixError(400, "M_UNKNOWN_DEVICE", message);
    }
    if (app.config.track_appservice_user_ips) accounts.seen.note({ userId, deviceId, ip: request.ip, userAgent: request.userAgent });
    return requesterFor(userId, {
      deviceId,
      isAdmin: user?.admin ?? false,
      shadowBanned: user?.shadowBanned ?? false,
      ownLimit: user && ownLimitOf(user),
      appservice,
      authenticatedEntity: appservice.senderUserId,
    });
  }

  return {
    find: (token) => byToken.get(token),
    requester(appservice, request) {
      const userId = first(request, "user_id") ?? appservice.senderUserId;
      const deviceId = first(request, "device_id") ?? first(request, "org.matrix.msc3202.device_id");
      if (userId === appservice.senderUserId && deviceId === undefined) {
        return requesterFor(userId, { appservice, authenticatedEntity: appservice.senderUserId });
      }
      return asOther(appservice, request, userId, deviceId);
    },
  };
}
