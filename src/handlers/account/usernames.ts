import { MatrixError } from "../../errors";

const invalid = (message: string): MatrixError => new MatrixError(400, "M_INVALID_USERNAME", message);

const MAX_USER_ID_BYTES = 255;

/** "@alice:example.org" -> "alice". */
export function localpartOf(userId: string): string {
  return userId.slice(1, userId.indexOf(":"));
}

/** Server names may hold colons themselves, so that the first one counts. */
export function serverOf(userId: string): string {
  return userId.slice(userId.indexOf(":") + 1);
}

/** "alice" or "@alice:example.org" -> "@alice:example.org"; what is a full id already stays. */
export function qualify(user: string, serverName: string): string {
  return user.startsWith("@") ? user : `@${user}:${serverName}`;
}

/**
 * Checks a localpart that somebody chose (specification: appendices, user identifiers). Throws 400 M_INVALID_USERNAME.
 * `numeric` ids are those of guests and of accounts that chose no name.
 */
export function checkLocalpart(
  localpart: string,
  rules: { readonly serverName: string; readonly numeric: "allowed" | "reserved"; readonly underscore: "allowed" | "reserved" },
): void {
  if (!/^[a-z0-9._=\-/+]*$/.test(localpart)) throw invalid("User ID can only contain characters a-z, 0-9, or '=_-./+'");
  if (localpart === "") throw invalid("User ID cannot be empty");
  if (rules.underscore === "reserved" && localpart.startsWith("_")) throw invalid("User ID may not begin with _");
  if (rules.numeric === "reserved" && /^[0-9]+$/.test(localpart)) throw invalid("Numeric user IDs are reserved for guest users.");
  if (Buffer.byteLength(qualify(localpart, rules.serverName)) > MAX_USER_ID_BYTES) {
    throw invalid("User ID may not be longer than 255 characters");
  }
}
