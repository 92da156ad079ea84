import type { ServedFile } from "../../handlers/media/download";
import type { HttpRequest } from "../../handlers/request";
import { contentDisposition } from "../../lib/contentDisposition";
import { reply } from "../reply";
import type { Reply } from "../reply";
import { parseRange } from "./range";

/** What browsers may show in place of saving it (client-server API, "Serving inline content"): nothing of it can run scripts. */
const INLINE = new Set([
  "text/css",
  "text/plain",
  "text/csv",
  "application/json",
  "application/ld+json",
  "image/jpeg",
  "image/gif",
  "image/png",
  "image/apng",
  "image/webp",
  "image/avif",
  "video/mp4",
  "video/webm",
  "video/ogg",
  "video/quicktime",
  "audio/mp4",
  "audio/webm",
  "audio/aac",
  "audio/mpeg",
  "audio/ogg",
  "audio/wave",
  "audio/wav",
  "audio/x-wav",
  "audio/x-pn-wav",
  "audio/flac",
  "audio/x-flac",
]);

const essence = (contentType: string): string => (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();

/** Text without a charset is UTF-8, so that no browser guesses. */
function fullType(contentType: string): string {
  return essence(contentType).startsWith("text/") && !/;\s*charset=/i.test(contentType) ? `${contentType}; charset=UTF-8` : contentType;
}

/** Content-Type and Content-Disposition, which also stand in answers to other servers. */
export function fileHeaders({ contentType, name }: ServedFile): Record<string, string> {
  const kind = INLINE.has(essence(contentType)) ? "inline" : "attachment";
  return { "Content-Type": fullType(contentType), "Content-Disposition": contentDisposition(kind, name) };
}

/** A stranger's file on our domain: nothing in it may run, and other sites may show it (client-server API, "Content repository"). */
const SAFETY = {
  "Content-Security-Policy":
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; media-src 'self'; object-src 'self';",
  "X-Content-Security-Policy": "sandbox;",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "cross-origin",
  "Referrer-Policy": "no-referrer",
  "X-Robots-Tag": "noindex, nofollow, noarchive, noimageindex",
};

/** What an address names never changes. Caches that several users share ask again, as it may have gone into quarantine. */
const CACHE = "public,immutable,max-age=86400,s-maxage=0,proxy-revalidate";

/** The answer with a file, or the part of it that is asked for, or that the client has it already (RFC 9110, sections 13 and 14). */
export async function fileReply(request: Pick<HttpRequest, "headers">, served: ServedFile): Promise<Reply> {
  const etag = served.etag === undefined ? undefined : `"${served.etag}"`;
  const headers = { ...SAFETY, "Cache-Control": CACHE, "Accept-Ranges": "bytes", ...(etag !== undefined && { ETag: etag }) };
  if (etag !== undefined && listsTag(request.headers["if-none-match"], etag)) return reply({ status: 304, headers });
  const file = await served.open();
  const full = { ...headers, ...fileHeaders(served) };
  const ifRange = request.headers["if-range"];
  const range = ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, file.size) : undefined;
  if (range === undefined) return reply({ headers: { ...full, "Content-Length": String(file.size) }, body: file.read() });
  if (range === "unsatisfiable") {
    file.close();
    return reply({ status: 416, headers: { ...headers, "Content-Range": `bytes */${file.size}` } });
  }
  const { start, end } = range;
  const partial = { ...full, "Content-Range": `bytes ${start}-${end}/${file.size}`, "Content-Length": String(end - start + 1) };
  return reply({ status: 206, headers: partial, body: file.read(range) });
}

function listsTag(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}
