import { readFileSync } from "node:fs";
import type { LRUCache } from "lru-cache";
import type { Config } from "../../config/config";
import type { Clock } from "../../lib/clock";
import type { Limiter } from "../../lib/limiter";
import { createGather } from "../../lib/gather";
import type { Gather } from "../../lib/gather";
import { createLimiter } from "../../lib/limiter";
import { createLru } from "../../lib/lru";
import type { Random } from "../../lib/random";
import type { Background } from "../../observe/background";
import { createWebFetcher } from "../../remote/webFetch";
import type { WebFetcher } from "../../remote/webFetch";
import type { Db } from "../../storage/db";
import { insertMedia } from "../../storage/media";
import type { Inserted, MediaRow, NewMedia } from "../../storage/media";
import type { App } from "../app";
import { createAccessTimes } from "./accessTimes";
import type { AccessTimes } from "./accessTimes";
import { createFileStore } from "./fileStore";
import type { FileStore } from "./fileStore";
import { createImages } from "./images";
import type { ImageFacts, Images } from "./images";
import { createMediaIds } from "./mediaIds";
import { DEFAULT_PROVIDERS, parseProviders } from "./previews/oembed";
import type { Provider } from "./previews/oembed";

/** What a process holds of the media repository; `app.media`. The truth is in the database and in the store's directory. */
export interface Media {
  readonly files: FileStore;
  readonly newId: () => string;
  /** Rows that come together are stored together. */
  readonly insert: Gather<NewMedia, Inserted>;
  readonly images: Images;
  /** By the path of the image. */
  readonly imageFacts: LRUCache<string, ImageFacts>;
  readonly accesses: AccessTimes;
  /** Where other servers send us for their media. */
  readonly web: WebFetcher;
  /** For previews of pages; absent where they are off. */
  readonly previewWeb: WebFetcher | undefined;
  readonly remoteLimit: Limiter;
  readonly previewLimit: Limiter;
  /** What is being fetched, by `origin/mediaId`: those who want the same wait for it together. */
  readonly fetching: Map<string, Promise<MediaRow>>;
  /** Likewise thumbnails being made, by their path, and previews, by address. */
  readonly making: Map<string, Promise<void>>;
  readonly previewing: Map<string, Promise<string>>;
  readonly oembedProviders: readonly Provider[];
}

/** What handlers of media ask of the App. */
export type MediaApp = Pick<App, "config" | "serverName" | "clock" | "random" | "db" | "log" | "media" | "federation" | "rateLimiter">;

export interface MediaDeps {
  readonly config: Config;
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly background: Background;
}

const INSERTED_TOGETHER = 100;
const MAX_IMAGES = 10_000;
const FETCHES = 30;
const FETCHES_WAITING = 500;
const PREVIEWS = 10;
const PREVIEWS_WAITING = 100;

export function createMedia({ config, db, clock, random, background }: MediaDeps): Media {
  const userAgent = `synapse-ts (bot)${config.user_agent_suffix === undefined ? "" : `; ${config.user_agent_suffix}`}`;
  const certificates = config.use_insecure_ssl_client_just_for_testing_do_not_use ? "ignore" : "verify";
  const previewsDeny = config.url_preview_enabled ? config.url_preview_ip_range_blacklist : undefined;
  return {
    files: createFileStore({ config, random, clock, background }),
    newId: createMediaIds(random),
    insert: createGather((rows) => insertMedia(db, rows), INSERTED_TOGETHER),
    images: createImages(config.max_image_pixels),
    imageFacts: createLru(MAX_IMAGES),
    accesses: createAccessTimes({ db, clock, background }),
    web: createWebFetcher({
      userAgent,
      certificates: config.federation_verify_certificates ? "verify" : "ignore",
      blocked: { deny: config.federation_ip_range_blacklist, allow: config.ip_range_whitelist },
    }),
    previewWeb:
      previewsDeny &&
      createWebFetcher({ userAgent, certificates, blocked: { deny: previewsDeny, allow: config.url_preview_ip_range_whitelist } }),
    remoteLimit: createLimiter(FETCHES, FETCHES_WAITING),
    previewLimit: createLimiter(PREVIEWS, PREVIEWS_WAITING),
    fetching: new Map(),
    making: new Map(),
    previewing: new Map(),
    oembedProviders: config.url_preview_enabled ? readProviders(config.oembed) : [],
  };
}

function readProviders({ disable_default_providers: withoutDefaults, additional_providers: files }: Config["oembed"]): Provider[] {
  const own = files.flatMap((file) => parseProviders(readFileSync(file, "utf8")));
  return withoutDefaults ? own : [...own, ...DEFAULT_PROVIDERS];
}

export async function stopMedia({ accesses, web, previewWeb }: Media): Promise<void> {
  await accesses.stop();
  await Promise.all([web.close(), previewWeb?.close()]);
}
