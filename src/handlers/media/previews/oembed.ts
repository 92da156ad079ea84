import { Parser } from "htmlparser2";
import { isJsonObject, parseJson } from "../../../lib/json";

/** Addresses that have their previews elsewhere (https://oembed.com), as globs, and where. */
export interface Provider {
  readonly schemes: readonly string[];
  readonly url: string;
}

export const DEFAULT_PROVIDERS: readonly Provider[] = [
  {
    schemes: ["https://x.com/*", "https://*.x.com/*/status/*", "https://twitter.com/*/status/*", "https://*.twitter.com/*/status/*"],
    url: "https://publish.x.com/oembed",
  },
  { schemes: ["https://youtube.com/shorts/*", "https://*.youtube.com/shorts/*"], url: "https://www.youtube.com/oembed" },
];

/** Where to ask about an address, if there is such a place. */
export function endpointFor(url: URL, providers: readonly Provider[]): URL | undefined {
  const plain = url.href.replace(/^http:/, "https:");
  const found = providers.find(({ schemes }) => schemes.some((scheme) => globTest(scheme.replace(/^http:/, "https:"))(plain)));
  return found && withQuery(found.url, url);
}

function withQuery(endpoint: string, url: URL): URL {
  const target = new URL(endpoint.replaceAll("{format}", "json"));
  target.searchParams.set("url", url.href);
  target.searchParams.set("format", "json");
  return target;
}

function globTest(glob: string): (text: string) => boolean {
  const expression = new RegExp(`^${glob.replace(/[\\^$.|+?()[\]{}]/g, "\\$&").replaceAll("*", "[^?#]*")}$`);
  return (text) => expression.test(text);
}

/** The providers in a file as oembed.com publishes them, as far as they answer in JSON. Throws when it is none. */
export function parseProviders(text: string): Provider[] {
  const list = parseJson(Buffer.from(text));
  if (!Array.isArray(list)) throw new Error("a file of oEmbed providers is a list");
  return list.flatMap((entry) => {
    const endpoints = isJsonObject(entry) && Array.isArray(entry["endpoints"]) ? entry["endpoints"] : [];
    return endpoints.filter(isJsonObject).flatMap(({ schemes, url, formats }) => {
      if (!Array.isArray(schemes) || typeof url !== "string" || url.endsWith(".xml")) return [];
      if (Array.isArray(formats) && !formats.includes("json")) return [];
      return [{ schemes: schemes.filter((scheme) => typeof scheme === "string"), url }];
    });
  });
}

/** An oEmbed answer as OpenGraph fields. */
export interface Embedded {
  readonly fields: Readonly<Record<string, string | number>>;
  /** HTML that stands for the page. */
  readonly html: string | undefined;
  /** Takes the place of a title where there is none at all. */
  readonly authorName: string | undefined;
  /** How long it holds, in ms. */
  readonly maxAgeMs: number | undefined;
}

const MAX_VALUE = 1000;
const OPEN_GRAPH_TYPES: Readonly<Record<string, string>> = { video: "video.other", link: "website" };

/** Some endpoints escape what needs none. */
function unescapeHtml(text: string): string {
  let out = "";
  new Parser({ ontext: (part) => (out += part) }, { decodeEntities: true }).end(text.replaceAll("<", "&lt;"));
  return out;
}

/** Reads what an endpoint says of `url`. Undefined when it is no oEmbed; the version may be missing, as in Synapse. */
export function readOembed(bytes: Buffer, url: URL): Embedded | undefined {
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || !["1.0", 1, "1"].includes((value["version"] ?? "1.0") as string | number)) return undefined;
  const answer = value;
  const text = (name: string): string => (typeof answer[name] === "string" ? answer[name].slice(0, MAX_VALUE) : "");
  const edge = (name: string): number | "" => (text("type") === "video" && Number.isSafeInteger(answer[name]) ? Number(answer[name]) : "");
  const fields = {
    "og:url": url.href.slice(0, MAX_VALUE),
    "og:title": unescapeHtml(text("title")),
    "og:site_name": text("provider_name"),
    "og:image": (text("type") === "photo" && text("url")) || text("thumbnail_url"),
    "og:type": OPEN_GRAPH_TYPES[text("type")] ?? "",
    "og:video:width": edge("width"),
    "og:video:height": edge("height"),
  };
  const age = Number(answer["cache_age"] ?? NaN);
  return {
    fields: Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== "")),
    html: typeof answer["html"] === "string" && ["rich", "video"].includes(text("type")) ? answer["html"] : undefined,
    authorName: text("author_name") || undefined,
    maxAgeMs: Number.isFinite(age) ? age * 1000 : undefined,
  };
}
