import { notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { allAccountData } from "../../storage/accountData";
import { getUserDetails, listUsers } from "../../storage/adminUsers";
import type { ListedUser, UserFilter, UserOrder, UserPage } from "../../storage/adminUsers";
import { getExternalIds, getExternalUser } from "../../storage/externalIds";
import { membershipsOfUsers } from "../../storage/memberships";
import { pushersOfUsers } from "../../storage/pushers";
import { getThreepidOwner, getThreepids } from "../../storage/threepids";
import type { App } from "../app";
import { clientPusher } from "../push/pushers";
import { checkOwn, requireOwn } from "./targets";
import { nextPage } from "./nextPage";

export type UserListFilter = UserFilter;
export type UserListOrder = UserOrder;
export type UserListPage = UserPage;

type ReadApp = Pick<App, "accounts" | "config" | "db" | "serverName">;

/** Whether accounts wait for approval is shown where that is in use (MSC3866). */
function shownUser<User extends ListedUser>({ config }: Pick<App, "config">, { approved, ...user }: User) {
  return config.experimental_features.msc3866.enabled ? { ...user, approved } : user;
}

/** `GET /v2/users`, `GET /v3/users`: the accounts of the server, page by page. */
export async function readUsers(app: ReadApp, filter: UserFilter, page: UserPage): Promise<JsonObject> {
  await app.accounts.seen.flush();
  // Where nobody waits for approval, everybody is shown.
  const { isApproved } = app.config.experimental_features.msc3866.enabled ? filter : { isApproved: undefined };
  const { users, total } = await listUsers(app.db, { ...filter, isApproved }, page);
  return { users: users.map((user) => shownUser(app, user)), total, ...nextPage(page, users.length, total, String) };
}

/** `GET /v2/users/{userId}`. */
export async function readUser(app: ReadApp, userId: string): Promise<JsonObject> {
  checkOwn(app, userId);
  const [user, threepids, externalIds] = await Promise.all([
    getUserDetails(app.db, userId),
    getThreepids(app.db, [userId]),
    getExternalIds(app.db, userId),
  ]);
  if (!user) throw notFound("User not found");
  return {
    ...shownUser(app, user),
    // Of one account in seconds, in lists in milliseconds: as Synapse does it.
    creation_ts: Math.floor(user.creation_ts / 1000),
    threepids: threepids.map(({ medium, address, validatedAt, addedAt }) => ({
      medium,
      address,
      validated_at: validatedAt,
      added_at: addedAt,
    })),
    external_ids: externalIds.map(({ authProvider, externalId }) => ({ auth_provider: authProvider, external_id: externalId })),
  };
}

/** Who has an address, or an id at a provider of accounts. 404 where nobody has. */
export async function findUser(
  app: Pick<App, "db">,
  by: { readonly medium: string; readonly address: string } | { readonly authProvider: string; readonly externalId: string },
): Promise<{ user_id: string }> {
  const userId = await ("medium" in by ? getThreepidOwner(app.db, by.medium, by.address) : getExternalUser(app.db, by));
  if (userId === undefined) throw notFound("User not found");
  return { user_id: userId };
}

/** `GET /users/{userId}/joined_rooms`: of users of other servers, those in which somebody of this server is too. */
export async function readRoomsOf(app: Pick<App, "db">, userId: string): Promise<{ joined_rooms: string[]; total: number }> {
  const places = await membershipsOfUsers(app.db, [userId]);
  const joined = places.filter(({ membership }) => membership === "join").map(({ roomId }) => roomId);
  return { joined_rooms: joined, total: joined.length };
}

/** `GET /users/{userId}/memberships`: of users of this server. */
export async function readMembershipsOf(app: Pick<App, "db">, userId: string): Promise<{ memberships: Record<string, string> }> {
  const places = await membershipsOfUsers(app.db, [userId]);
  const own = places.filter(({ isLocal }) => isLocal);
  return { memberships: Object.fromEntries(own.map(({ roomId, membership }) => [roomId, membership])) };
}

/** `GET /users/{userId}/accountdata`; tags of rooms are not account data to administrators. */
export async function readAccountDataOf(app: Pick<App, "db" | "serverName">, userId: string): Promise<JsonObject> {
  await requireOwn(app, userId);
  const global: Record<string, unknown> = {};
  const rooms: Record<string, Record<string, unknown>> = {};
  for (const { roomId, type, content } of await allAccountData(app.db, userId)) {
    if (roomId === "") global[type] = JSON.parse(content);
    else if (type !== "m.tag") (rooms[roomId] ??= {})[type] = JSON.parse(content);
  }
  return { account_data: { global, rooms } } as JsonObject;
}

/** `GET /users/{userId}/pushers`. */
export async function readPushersOf(app: Pick<App, "db" | "serverName">, userId: string): Promise<JsonObject> {
  await requireOwn(app, userId);
  const pushers = await pushersOfUsers(app.db, [userId]);
  return {
    pushers: pushers.map((pusher) => ({ ...clientPusher(pusher), device_id: pusher.deviceId, enabled: pusher.enabled })),
    total: pushers.length,
  };
}
