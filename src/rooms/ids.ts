const MAX_ID_BYTES = 255;

/** The server name in a user id, room alias, or an event or room id of the old kind: what follows the first colon. Undefined without one. */
export function domainOf(id: string): string | undefined {
  const colon = id.indexOf(":");
  return colon < 0 || colon === id.length - 1 ? undefined : id.slice(colon + 1);
}

/** The part between sigil and first colon. */
export function localpartOf(id: string): string {
  const colon = id.indexOf(":");
  return id.slice(1, colon < 0 ? undefined : colon);
}

/** A user id as events may carry it, historical ones included (specification: appendices, "Historical User IDs"). */
export function isUserId(id: unknown): boolean {
  return typeof id === "string" && id.startsWith("@") && domainOf(id) !== undefined && fitsId(id);
}

/** Within 255 bytes and free of NUL, which PostgreSQL cannot store. */
export function fitsId(id: string): boolean {
  return (id.length * 3 <= MAX_ID_BYTES || Buffer.byteLength(id) <= MAX_ID_BYTES) && !id.includes("\0");
}
