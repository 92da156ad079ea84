import { MatrixError, invalidParam, limitExceeded, unrecognized } from "../../../errors";
import type { JsonObject } from "../../../lib/json";
import { JsonText } from "../../../lib/jsonText";
import { LimiterFull } from "../../../lib/limiter";
import type { WebAnswer } from "../../../remote/webFetch";
import { getUrlPreview, putUrlPreview } from "../../../storage/urlPreviews";
import type { MediaApp } from "../media";
import { charsetOf } from "./charset";
import { addressCheck, drop, failed, fetchFrom, isKind, readAll, typeOf } from "./fetchPage";
import { endpointFor, readOembed } from "./oembed";
import { imageFields, openGraphOf } from "./openGraph";
import { readPage } from "./page";
import { storeImage } from "./storeImage";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_URL = 8_192;

/** Describes a page by its OpenGraph fields, or what takes their place (client-server API, "URL previews"). */
export async function previewUrl(app: MediaApp, userId: string, text: string): Promise<JsonText> {
  const { config, db, clock, media } = app;
  if (!config.url_preview_enabled) throw unrecognized();
  const url = parseAddress(text);
  addressCheck(app)(url);
  const key = url.href;
  const known = await getUrlPreview(db, key, clock.now());
  if (known !== undefined) return new JsonText(known);
  const running = media.previewing.get(key);
  if (running) return new JsonText(await running);
  const work = media.previewLimit
    .run(() => make(app, userId, url))
    .catch((error: unknown) => {
      throw error instanceof LimiterFull ? limitExceeded(2_000) : error;
    })
    .finally(() => media.previewing.delete(key));
  media.previewing.set(key, work);
  return new JsonText(await work);
}

function parseAddress(text: string): URL {
  if (text.length > MAX_URL || !URL.canParse(text)) throw invalidParam("Query parameter 'url' must be a URL");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new MatrixError(400, "M_UNKNOWN", "Only HTTP addresses have previews");
  url.hash = "";
  return url;
}

async function make(app: MediaApp, userId: string, url: URL): Promise<string> {
  const target = endpointFor(url, app.media.oembedProviders) ?? url;
  const answer = await fetchFrom(app, target);
  const preview = JSON.stringify(await describe(app, userId, answer));
  const now = app.clock.now();
  const expiresTs = now + lifetimeOf(answer.header("cache-control") ?? "");
  await putUrlPreview(app.db, { url: url.href, fetchedTs: now, expiresTs, preview });
  return preview;
}

/** As long as the page says, within an hour and a day. */
function lifetimeOf(cacheControl: string): number {
  const seconds = /\bmax-age=(\d{1,9})/i.exec(cacheControl)?.[1];
  return Math.min(DAY_MS, Math.max(HOUR_MS, Number(seconds ?? 0) * 1000));
}

async function describe(app: MediaApp, userId: string, answer: WebAnswer): Promise<JsonObject> {
  if (isKind(answer, /^image\//i)) {
    const image = await storeImage(app, userId, answer);
    return { "og:description": answer.url.pathname.split("/").at(-1) ?? "", ...imageFields(image) };
  }
  if (isKind(answer, /^(text\/html|application\/xhtml\+xml|application\/xml|text\/xml)\b/i)) {
    return describePage(app, userId, { page: await readAll(app, answer), type: typeOf(answer), url: answer.url });
  }
  if (isKind(answer, /^application\/json\b/i)) {
    const embedded = await embed(await readAll(app, answer));
    return embedded ? withImage(app, userId, { fields: embedded, base: answer.url }) : {};
  }
  drop(answer);
  return {};
}

interface Page {
  readonly page: Buffer;
  readonly type: string;
  readonly url: URL;
}

async function describePage(app: MediaApp, userId: string, { page, type, url }: Page): Promise<JsonObject> {
  const facts = await readPage(page, charsetOf(page, type));
  const fields = { ...openGraphOf(facts), ...(await embeddedBy(app, facts.oembed, url)) };
  return withImage(app, userId, { fields, base: url });
}

/** What a page names for that purpose. A failure there leaves the page itself. */
async function embeddedBy(app: MediaApp, href: string | undefined, base: URL): Promise<Record<string, string> | undefined> {
  if (href === undefined || !URL.canParse(href, base.href)) return undefined;
  try {
    return await embed(await readAll(app, await fetchFrom(app, new URL(href, base))));
  } catch (error) {
    if (error instanceof MatrixError) return undefined;
    throw error;
  }
}

async function embed(bytes: Buffer): Promise<Record<string, string> | undefined> {
  const embedded = readOembed(bytes);
  if (!embedded) return undefined;
  if (embedded.html === undefined) return { ...embedded.fields };
  const inner = await readPage(Buffer.from(`<body>${embedded.html}`), "utf-8");
  return { ...openGraphOf({ ...inner, title: undefined, image: undefined }), ...embedded.fields };
}

/** Copies the image to us, so that clients need not tell its owner that they look. Without it the rest is still good. */
async function withImage(
  app: MediaApp,
  userId: string,
  { fields, base }: { fields: Readonly<Record<string, string>>; base: URL },
): Promise<JsonObject> {
  const { "og:image": href, ...rest } = fields;
  if (href === undefined || !URL.canParse(href, base.href)) return rest;
  try {
    const answer = await fetchFrom(app, new URL(href, base));
    if (!isKind(answer, /^image\//i)) {
      drop(answer);
      throw failed("it is no image");
    }
    return { ...rest, ...imageFields(await storeImage(app, userId, answer)) };
  } catch (error) {
    if (error instanceof MatrixError) return rest;
    throw error;
  }
}
