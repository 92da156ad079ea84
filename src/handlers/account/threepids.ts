import { forbidden, MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { deleteThreepidSessions } from "../../storage/threepidSessions";
import { addThreepid, deleteThreepid, getThreepids } from "../../storage/threepids";
import type { AccountsApp } from "../auth/accounts";
import { canonicalAddress } from "../auth/identifiers";
import { unbindThreepid } from "./identityServers";
import type { IdentityApp } from "./identityServers";
import { findValidated, isAddressAllowed } from "./threepidSessions";

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
  app: AccountsApp & IdentityApp,
  userId: string,
  given: { readonly medium: string; readonly address: string; readonly idServer: string | undefined },
): Promise<"success" | "no-support"> {
  checkChangesAllowed(app);
  const threepid = { medium: given.medium, address: canonicalAddress(given.medium, given.address) };
  const unbound = await unbindThreepid(app, userId, threepid, given.idServer);
  await deleteThreepid(app.db, userId, threepid.medium, threepid.address);
  return unbound ? "success" : "no-support";
}
