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
import type { Embedded } from "./oembed";
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
  const { fields, maxAgeMs } = await describe(app, userId, { answer, url });
  const preview = JSON.stringify(fields);
  const now = app.clock.now();
  const expiresTs = now + lifetimeOf(maxAgeMs ?? maxAgeOf(answer.header("cache-control") ?? ""));
  await putUrlPreview(app.db, { url: url.href, fetchedTs: now, expiresTs, preview });
  return preview;
}

const maxAgeOf = (cacheControl: string): number => Number(/\bmax-age=(\d{1,9})/i.exec(cacheControl)?.[1] ?? 0) * 1000;

/** As long as the page says, within an hour and a day. */
const lifetimeOf = (maxAgeMs: number): number => Math.min(DAY_MS, Math.max(HOUR_MS, maxAgeMs));

interface Description {
  readonly fields: JsonObject;
  /** How long it holds, where oEmbed says so. */
  readonly maxAgeMs?: number | undefined;
}

/** url: what was asked about, which may not be what answered. */
async function describe(app: MediaApp, userId: string, { answer, url }: { answer: WebAnswer; url: URL }): Promise<Description> {
  if (isKind(answer, /^image\//i)) {
    const image = await storeImage(app, userId, answer);
    return { fields: { "og:description": answer.url.pathname.split("/").at(-1) ?? "", ...imageFields(image) } };
  }
  if (isKind(answer, /^(text\/html|application\/xhtml\+xml|application\/xml|text\/xml)\b/i)) {
    return describePage(app, userId, { page: await readAll(app, answer), type: typeOf(answer), url: answer.url });
  }
  if (isKind(answer, /^application\/json\b/i)) {
    const embedded = await embed(await readAll(app, answer), url);
    if (!embedded) return { fields: {} };
    const { fields, maxAgeMs } = embedded;
    return { fields: await withImage(app, userId, { fields: withTitle(fields, embedded), base: answer.url }), maxAgeMs };
  }
  drop(answer);
  return { fields: {} };
}

/** Posts have authors, not titles. */
const withTitle = (fields: Fields, embedded: Pick<Embedded, "authorName"> | undefined): Fields =>
  fields["og:title"] || !embedded?.authorName ? fields : { ...fields, "og:title": embedded.authorName };

type Fields = Embedded["fields"];

interface Page {
  readonly page: Buffer;
  readonly type: string;
  readonly url: URL;
}

/** What a page says of itself goes before what it has others say. */
async function describePage(app: MediaApp, userId: string, { page, type, url }: Page): Promise<Description> {
  const facts = await readPage(page, charsetOf(page, type));
  const embedded = await embeddedBy(app, facts.oembed, url);
  const fields = withTitle({ ...embedded?.fields, ...openGraphOf(facts) }, embedded);
  return { fields: await withImage(app, userId, { fields, base: url }), maxAgeMs: embedded?.maxAgeMs };
}

/** What a page names for that purpose. A failure there leaves the page itself. */
async function embeddedBy(app: MediaApp, href: string | undefined, base: URL): Promise<Embedded | undefined> {
  if (href === undefined || !URL.canParse(href, base.href)) return undefined;
  try {
    return await embed(await readAll(app, await fetchFrom(app, new URL(href, base))), base);
  } catch (error) {
    if (error instanceof MatrixError) return undefined;
    throw error;
  }
}

/** The HTML of a post or player describes it, and shows an image where none is named. */
async function embed(bytes: Buffer, url: URL): Promise<Embedded | undefined> {
  const embedded = readOembed(bytes, url);
  if (embedded?.html === undefined) return embedded;
  const inner = await readPage(Buffer.from(`<body>${embedded.html}`), "utf-8");
  return { ...embedded, fields: { ...openGraphOf({ ...inner, title: undefined }), ...embedded.fields } };
}

/** Copies the image to us, so that clients need not tell its owner that they look. Without it the rest is still good. */
async function withImage(app: MediaApp, userId: string, { fields, base }: { fields: Fields; base: URL }): Promise<JsonObject> {
  const { "og:image": href, ...rest } = fields;
  if (typeof href !== "string" || !URL.canParse(href, base.href)) return rest;
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
