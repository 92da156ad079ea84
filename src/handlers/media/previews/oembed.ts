import { isJsonObject, parseJson } from "../../../lib/json";

/** Addresses that have their previews elsewhere (https://oembed.com), as globs, and where. */
export interface Provider {
  readonly schemes: readonly string[];
  readonly url: string;
}

export const DEFAULT_PROVIDERS: readonly Provider[] = [
  {
    schemes: ["https://twitter.com/*/status/*", "https://*.twitter.com/*/status/*", "https://x.com/*/status/*"],
    url: "https://publish.twitter.com/oembed",
  },
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

/** The providers in a file as oembed.com publishes them. Throws when it is none. */
export function parseProviders(text: string): Provider[] {
  const list = parseJson(Buffer.from(text));
  if (!Array.isArray(list)) throw new Error("a file of oEmbed providers is a list");
  return list.flatMap((entry) => {
    const endpoints = isJsonObject(entry) && Array.isArray(entry["endpoints"]) ? entry["endpoints"] : [];
    return endpoints.filter(isJsonObject).flatMap(({ schemes, url }) => {
      if (!Array.isArray(schemes) || typeof url !== "string") return [];
      return [{ schemes: schemes.filter((scheme) => typeof scheme === "string"), url }];
    });
  });
}

export interface Embedded {
  readonly fields: Readonly<Record<string, string>>;
  /** HTML that stands for the page. */
  readonly html: string | undefined;
}

/** An oEmbed answer as OpenGraph fields. Undefined when it is none. */
export function readOembed(bytes: Buffer): Embedded | undefined {
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || !["1.0", 1, "1"].includes(value["version"] as string | number)) return undefined;
  const answer = value;
  const text = (name: string): string => (typeof answer[name] === "string" ? answer[name].slice(0, 1000) : "");
  const isPhoto = text("type") === "photo";
  const fields = {
    "og:title": text("title"),
    "og:site_name": text("provider_name"),
    "og:author_name": text("author_name"),
    "og:image": (isPhoto && text("url")) || text("thumbnail_url"),
    "og:type": text("type") === "video" ? "video.other" : "",
  };
  const html = typeof answer["html"] === "string" && text("type") === "rich" ? answer["html"] : undefined;
  return { fields: Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== "")), html };
}
