import { forbidden, MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { deleteThreepidSessions } from "../../storage/threepidSessions";
import { addThreepid, deleteThreepid, getThreepids } from "../../storage/threepids";
import type { AccountsApp } from "../auth/accounts";
import { canonicalAddress } from "../auth/identifiers";
import { unbindThreepid } from "./identityServers";
import type { IdentityApp } from "./identityServers";
import { removeMailPusher } from "../push/mailPushers";
import { findValidated, isAddressAllowed } from "./threepidSessions";

type ThreepidApp = AccountsApp & IdentityApp;

function checkChangesAllowed(app: AccountsApp): void {
  if (!app.config.enable_3pid_changes) throw forbidden("3PID changes are disabled on this server");
}

export async function listThreepids(app: AccountsApp, userId: string): Promise<JsonObject[]> {
  const rows = await getThreepids(app.db, [userId]);
  return rows.map(({ medium, address, validatedAt, addedAt }) => ({ medium, address, validated_at: validatedAt, added_at: addedAt }));
}

/**
 * Adds the address that a validation session proved. Throws 400 M_THREEPID_AUTH_FAILED, M_THREEPID_IN_USE, 403 M_THREEPID_DENIED and
 * when the operator wants no changes.
 */
export async function addValidated(
  app: AccountsApp,
  userId: string,
  given: { readonly sid: string; readonly clientSecret: string },
): Promise<void> {
  checkChangesAllowed(app);
  const validated = await findValidated(app, given);
  if (!validated || (validated.medium !== "email" && validated.medium !== "msisdn")) {
    throw new MatrixError(400, "M_THREEPID_AUTH_FAILED", "No validated 3pid session found");
  }
  const { medium, validatedAt, sessionId } = validated;
  const address = canonicalAddress(medium, validated.address);
  if (!isAddressAllowed(app, medium, address)) throw new MatrixError(403, "M_THREEPID_DENIED", "Third party identifier is not allowed");
  if (!(await addThreepid(app.db, { medium, address, userId, validatedAt, addedAt: app.clock.now() }))) {
    throw new MatrixError(400, "M_THREEPID_IN_USE", "Third party identifier is already in use");
  }
  if (sessionId !== undefined) await deleteThreepidSessions(app.db, [sessionId]);
}

/** Removes an address from the account, and unbinds it. Gives whether an identity server did its part. */
export async function removeThreepid(
  app: ThreepidApp,
  userId: string,
  given: { readonly medium: string; readonly address: string; readonly idServer: string | undefined },
): Promise<"success" | "no-support"> {
  checkChangesAllowed(app);
  const { medium, idServer } = given;
  return dropThreepid(app, userId, { medium, address: canonicalAddress(medium, given.address) }, idServer);
}

/** The same, whatever the operator lets users do. Mails go there no more. */
export async function dropThreepid(
  app: ThreepidApp,
  userId: string,
  threepid: { readonly medium: string; readonly address: string },
  idServer: string | undefined,
): Promise<"success" | "no-support"> {
  const { medium, address } = threepid;
  const unbound = await unbindThreepid(app, userId, { medium, address }, idServer);
  await deleteThreepid(app.db, userId, medium, address);
  if (medium === "email") await removeMailPusher(app, userId, address);
  return unbound ? "success" : "no-support";
}
