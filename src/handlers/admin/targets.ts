import { hostOf } from "../../caches/memberships";
import { MatrixError, invalidParam, notFound } from "../../errors";
import { isUserId } from "../../rooms/ids";
import { getUser } from "../../storage/users";
import type { UserRow } from "../../storage/users";
import type { App } from "../app";

/** 400 with no errcode of its own, as administrators get it for most of what they ask wrongly. */
export const refuse = (message: string): MatrixError => new MatrixError(400, "M_UNKNOWN", message);

/** 400 for what is no user id. */
export function checkUserId(userId: string): void {
  if (!userId.startsWith("@")) throw invalidParam("Expected UserID string to start with '@'");
  if (!isUserId(userId)) throw invalidParam(`${userId.slice(0, 300)} is not a user id`);
}

/** 400, with what is said of it, for users of other servers. */
export function checkOwn(app: Pick<App, "serverName">, userId: string, message = "Can only look up local users"): void {
  checkUserId(userId);
  if (hostOf(userId) !== app.serverName) throw refuse(message);
}

/** An account of this server: 400 for those of others, 404 where there is none. */
export async function requireOwn(
  app: Pick<App, "db" | "serverName">,
  userId: string,
  messages: { readonly foreign?: string; readonly unknown?: string } = {},
): Promise<UserRow> {
  checkOwn(app, userId, messages.foreign);
  const user = await getUser(app.db, userId);
  if (!user) throw notFound(messages.unknown ?? "User not found");
  return user;
}
