import type { App } from "../app";
import { deviceNews } from "../keys/changes";
import { keyCountsOf } from "../keys/counts";
import { silent } from "./extension";
import type { ExtensionResult, ExtensionsRequest } from "./extension";

/** The extension `e2ee` (MSC3884): whose devices changed, and what others may still claim of the device's keys. */
export async function encryptionExtension(app: App, { request, requester, since, now }: ExtensionsRequest): Promise<ExtensionResult> {
  if (!request.extensions.e2ee?.enabled) return silent;
  const { userId, deviceId } = requester;
  const news = since ? await deviceNews(app, requester, since, now) : undefined;
  const counts = await keyCountsOf(app, userId, deviceId);
  const lists = news && news.changed.length + news.left.length > 0;
  return {
    ...silent,
    tree: {
      ...(lists && { device_lists: { changed: news.changed, left: news.left } }),
      device_one_time_keys_count: { ...counts.oneTime },
      device_unused_fallback_key_types: [...counts.unusedFallbacks],
    },
    hasNews: lists === true || news?.countsMoved === true,
  };
}
