/**
 * A user name of elsewhere as a localpart: lower case, and whatever a user id may not hold as =xx of its UTF-8 bytes (specification:
 * appendices, "Mapping from other character sets").
 */
export function toLocalpart(name: string): string {
  const bytes = Buffer.from(name.toLowerCase(), "utf8");
  let localpart = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    localpart += /[a-z0-9._\-/+]/.test(character) ? character : `=${byte.toString(16).padStart(2, "0")}`;
  }
  // A leading underscore is for users of application services.
  return localpart.replace(/^_/, "=5f");
}
