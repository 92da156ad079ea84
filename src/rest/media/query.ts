import type { MediaRequest } from "../../handlers/media/find";
import type { ThumbnailRequest } from "../../handlers/media/thumbnails";
import type { HttpRequest } from "../../handlers/request";
import { booleanText, integerText, object, oneOf, optional } from "../../lib/schema";
import type { Infer } from "../../lib/schema";

const DEFAULT_WAIT_MS = 20_000;
const MAX_WAIT_MS = 60_000;
/** Nobody has a screen for more; larger ones mean the largest there is. */
const MAX_EDGE = 16_384;

const waiting = { timeout_ms: optional(integerText({ minimum: 0 })) };
const size = {
  width: integerText({ minimum: 1 }),
  height: integerText({ minimum: 1 }),
  method: optional(oneOf("crop", "scale")),
  animated: optional(booleanText()),
};
export const downloadQuery = object({ ...waiting, allow_remote: optional(booleanText()) });
export const thumbnailQuery = object({ ...waiting, ...size, allow_remote: optional(booleanText()) });
export const serverDownloadQuery = object(waiting);
export const serverThumbnailQuery = object({ ...waiting, ...size });

export interface Asked {
  readonly params: { readonly serverName: string; readonly mediaId: string };
  readonly query: Infer<typeof downloadQuery>;
  readonly request: HttpRequest;
  readonly access: MediaRequest["access"];
  readonly countedFor: string;
}

export function mediaRequest({ params, query, request, access, countedFor }: Asked): MediaRequest {
  return {
    origin: params.serverName,
    mediaId: params.mediaId,
    access,
    timeoutMs: Math.min(query.timeout_ms ?? DEFAULT_WAIT_MS, MAX_WAIT_MS),
    mayFetch: query.allow_remote ?? true,
    countedFor,
    signal: request.signal,
  };
}

export function thumbnailRequest(asked: Asked & { readonly query: Infer<typeof thumbnailQuery> }): ThumbnailRequest {
  const { width, height, method = "scale", animated = false } = asked.query;
  return {
    ...mediaRequest(asked),
    size: { width: Math.min(width, MAX_EDGE), height: Math.min(height, MAX_EDGE), method },
    animated,
  };
}
