import type { JsonObject } from "../../../lib/json";
import type { PageFacts } from "./page";

/** As long as it takes to say what a page is about, in characters. */
const MAX_SUMMARY = 500;
const TWITTER: readonly (readonly [string, string])[] = [
  ["og:title", "twitter:title"],
  ["og:description", "twitter:description"],
  ["og:image", "twitter:image"],
  ["og:site_name", "twitter:site"],
];

/** The OpenGraph fields of a page, filled up with what else it says. `og:image` is still as it is written in the page. */
export function openGraphOf(page: PageFacts): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of page.meta) if (!name.startsWith("twitter:")) fields[name] = value;
  for (const [name, other] of TWITTER) fields[name] ??= page.meta.get(other) ?? "";
  fields["og:title"] ||= page.title ?? "";
  fields["og:description"] ||= page.description ?? summary(page.text);
  fields["og:image"] ||= page.meta.get("og:image:secure_url") ?? page.meta.get("og:image:url") ?? page.image ?? "";
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

/** Cut at the end of a word. */
function summary(text: string): string {
  if (text.length <= MAX_SUMMARY) return text;
  const cut = text.slice(0, MAX_SUMMARY);
  const space = cut.lastIndexOf(" ");
  return `${cut.slice(0, space > 0 ? space : MAX_SUMMARY)}…`;
}

/** What is told of an image once it is ours. */
export function imageFields(image: {
  mxc: string;
  type: string;
  size: number;
  width: number | undefined;
  height: number | undefined;
}): JsonObject {
  const { mxc, type, size, width, height } = image;
  return {
    "og:image": mxc,
    "og:image:type": type,
    "matrix:image:size": size,
    ...(width !== undefined && height !== undefined && { "og:image:width": width, "og:image:height": height }),
  };
}
