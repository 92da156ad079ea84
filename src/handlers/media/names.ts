const MAX_NAME = 255;
const MAX_TYPE = 255;
export const DEFAULT_TYPE = "application/octet-stream";

/** A name as it is kept and handed on: no control characters, which PostgreSQL or a file dialog would choke on. */
export function cleanName(name: string | undefined): string | null {
  if (name === undefined) return null;
  const clean = [...name.replace(/[\u0000-\u001f\u007f-\u009f]/g, "")].slice(0, MAX_NAME).join("");
  return clean === "" ? null : clean;
}

/** A content type as it may stand in a header; anything stranger is just bytes. */
export function cleanType(type: string | undefined): string {
  if (type === undefined || type.length > MAX_TYPE) return DEFAULT_TYPE;
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+*-]+(\s*;[\x20-\x7e]*)?$/.test(type) ? type : DEFAULT_TYPE;
}
