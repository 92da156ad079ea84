import { MatrixError } from "../../errors";
import type { RestrictedState } from "../request";

interface Restrictable {
  readonly locked: boolean;
  readonly suspended: boolean;
  readonly approved: boolean;
  readonly expiresTs: number | null;
}

export const lockedError = (): MatrixError => new MatrixError(401, "M_USER_LOCKED", "User account has been locked", { soft_logout: true });

const READS = new Set(["GET", "HEAD"]);

/**
 * Refuses accounts that are locked, suspended (for anything but reading) or past their validity, unless the route serves them all
 * the same. Throws 401 M_USER_LOCKED, 403 M_USER_SUSPENDED, 403 ORG_MATRIX_EXPIRED_ACCOUNT.
 */
export function checkRestrictions(
  account: Restrictable,
  request: { readonly now: number; readonly method: string; readonly allow: readonly RestrictedState[] },
): void {
  if (!account.locked && !account.suspended && account.approved && account.expiresTs === null) return;
  const { allow } = request;
  if (account.locked && !allow.includes("locked")) throw lockedError();
  if (account.expiresTs !== null && request.now >= account.expiresTs && !allow.includes("expired")) {
    throw new MatrixError(403, "ORG_MATRIX_EXPIRED_ACCOUNT", "User account has expired");
  }
  if (!account.approved) {
    throw new MatrixError(403, "ORG.MATRIX.MSC3866_USER_AWAITING_APPROVAL", "This account is pending approval by a server administrator.");
  }
  if (account.suspended && !READS.has(request.method) && !allow.includes("suspended")) {
    throw new MatrixError(403, "M_USER_SUSPENDED", "You cannot perform this action while suspended.");
  }
}
