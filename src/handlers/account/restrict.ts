import { MatrixError, forbidden, notFound } from "../../errors";
import { hostOf } from "../../caches/memberships";
import { getUser } from "../../storage/users";
import type { UserRow } from "../../storage/users";
import type { App } from "../app";
import type { Requester } from "../requester";
import { changeFlags } from "./flags";

/** What an administrator may do to an account by the specification's own endpoints (client-server API, "Server Administration"). */
export type Restriction = "locked" | "suspended";

async function requireTarget(app: App, userId: string): Promise<UserRow> {
  if (hostOf(userId) !== app.serverName) throw new MatrixError(400, "M_INVALID_PARAM", "The user does not belong to this server");
  const user = await getUser(app.db, userId);
  if (!user || user.deactivated) throw notFound("User not found");
  return user;
}

export async function readRestriction(app: App, userId: string, restriction: Restriction): Promise<boolean> {
  return (await requireTarget(app, userId))[restriction];
}

/** 403 for oneself and for other administrators. */
export async function setRestriction(
  app: App,
  requester: Requester,
  userId: string,
  restriction: Restriction,
  value: boolean,
): Promise<void> {
  const user = await requireTarget(app, userId);
  if (userId === requester.userId || user.admin) throw forbidden("Administrators cannot be locked or suspended");
  await changeFlags(app, userId, { [restriction]: value });
}
