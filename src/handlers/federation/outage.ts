import { MatrixError } from "../../errors";
import { FederationError } from "../../remote/federationErrors";
import { isOutage } from "../../storage/databaseError";

/**
 * Whether work failed for a reason of ours that will pass: the database is away or full, here or at the process that was to write, or too much
 * is under way. What another server sent then must not be acknowledged, so that it comes again.
 */
export function willPass(error: unknown): boolean {
  if (isOutage(error)) return true;
  return error instanceof MatrixError && !(error instanceof FederationError) && error.status === 503 && error.errcode === "M_UNKNOWN";
}
