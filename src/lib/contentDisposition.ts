/** RFC 6266: what a file should be called, and whether it is shown or saved. */

const TOKEN = /^[A-Za-z0-9!#$&+.^_`|~-]+$/;

/** Anything may be in a name; what is no token goes in RFC 5987's encoding. */
export function contentDisposition(kind: "inline" | "attachment", name: string | undefined): string {
  if (name === undefined || name === "") return kind;
  return TOKEN.test(name) ? `${kind}; filename=${name}` : `${kind}; filename*=utf-8''${encodeExtended(name)}`;
}

function encodeExtended(name: string): string {
  return encodeURIComponent(Buffer.from(name).toString()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The name in a Content-Disposition header; the extended one goes before the plain one. */
export function nameInDisposition(header: string): string | undefined {
  const extended = /;\s*filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)/i.exec(header);
  if (extended && /^utf-?8$/i.test(extended[1] ?? "")) {
    try {
      return decodeURIComponent(extended[2] ?? "");
    } catch {
      // The plain one may do.
    }
  }
  const quoted = /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(header)?.[1]?.replace(/\\(.)/g, "$1");
  return quoted ?? /;\s*filename\s*=\s*([^;\s"]+)/i.exec(header)?.[1];
}
