import { setImmediate as nextTurn } from "node:timers/promises";
import { Parser } from "htmlparser2";

/** What a page says of itself. */
export interface PageFacts {
  /** `og:*` and, where those are missing, `twitter:*`, by name. */
  readonly meta: ReadonlyMap<string, string>;
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** As they are written in the page. */
  readonly image: string | undefined;
  readonly oembed: string | undefined;
  /** The beginning of what is there to read. */
  readonly text: string;
}

const MAX_META = 50;
const MAX_VALUE = 1000;
const MAX_TEXT = 2_000;
const SLICE_BYTES = 64 * 1024;
/** What is in them is no text of the page. */
const SKIPPED = new Set([
  "header",
  "nav",
  "aside",
  "footer",
  "script",
  "noscript",
  "style",
  "svg",
  "iframe",
  "video",
  "canvas",
  "picture",
  "template",
  "form",
  "button",
]);
/** An image for tracking, not for looking at, is this small. */
const SMALL_EDGE = 10;

/** Reads a page in turns, without ever holding a tree of it: pages are long, deep and broken as their authors please. */
export async function readPage(page: Buffer, charset: string): Promise<PageFacts> {
  const reader = new PageReader();
  const parser = new Parser(reader, { decodeEntities: true, lowerCaseTags: true, lowerCaseAttributeNames: true });
  const decoder = new TextDecoder(charset);
  for (let at = 0; at < page.length && !reader.isComplete; at += SLICE_BYTES) {
    parser.write(decoder.decode(page.subarray(at, at + SLICE_BYTES), { stream: true }));
    await nextTurn();
  }
  parser.end();
  return reader.facts();
}

type Attributes = Readonly<Record<string, string>>;

/** Collects while the parser runs: the handler that htmlparser2 calls. */
class PageReader {
  private readonly meta = new Map<string, string>();
  private title = "";
  private heading = "";
  private description: string | undefined;
  private itemImage: string | undefined;
  private firstImage: string | undefined;
  private icon: string | undefined;
  private oembed: string | undefined;
  private readonly text: string[] = [];
  private textLength = 0;
  private skipping = 0;
  private into: "title" | "heading" | undefined;
  private inBody = false;

  get isComplete(): boolean {
    return this.textLength >= MAX_TEXT && this.firstImage !== undefined;
  }

  onopentag(name: string, attributes: Attributes): void {
    if (SKIPPED.has(name)) this.skipping++;
    if (name === "body") this.inBody = true;
    if (name === "meta") this.readMeta(attributes);
    if (name === "link") this.readLink(attributes);
    if (name === "img") this.readImage(attributes);
    if (name === "title" && this.title === "" && this.skipping === 0) this.into = "title";
    if (/^h[1-3]$/.test(name) && this.heading === "") this.into = "heading";
  }

  ontext(text: string): void {
    if (this.into && this[this.into].length < MAX_VALUE) this[this.into] += text;
    if (!this.inBody || this.skipping > 0 || this.textLength >= MAX_TEXT) return;
    this.text.push(text);
    this.textLength += text.length;
  }

  onclosetag(name: string): void {
    if (SKIPPED.has(name)) this.skipping = Math.max(0, this.skipping - 1);
    if (name === "title" || /^h[1-3]$/.test(name)) this.into = undefined;
    if (this.inBody && this.textLength < MAX_TEXT) this.text.push(" ");
  }

  facts(): PageFacts {
    return {
      meta: this.meta,
      title: tidy(this.title) || tidy(this.heading) || undefined,
      description: this.description,
      image: this.itemImage ?? this.firstImage ?? this.icon,
      oembed: this.oembed,
      text: tidy(this.text.join("")),
    };
  }

  private readMeta({ property, name = "", itemprop, content }: Attributes): void {
    if (content === undefined || content.trim() === "") return;
    const key = (property ?? name).toLowerCase();
    const value = content.trim().slice(0, MAX_VALUE);
    if (/^(og|twitter|article):/.test(key) && this.meta.size < MAX_META && !this.meta.has(key)) this.meta.set(key, value);
    if (name.toLowerCase() === "description") this.description ??= value;
    if (itemprop === "image") this.itemImage ??= content.trim();
  }

  private readLink({ rel = "", type = "", href }: Attributes): void {
    if (href === undefined) return;
    if (/\bicon\b/i.test(rel)) this.icon ??= href;
    // Flickr says "alternative".
    if (/\balternat(e|ive)\b/i.test(rel) && /^application\/json\+oembed$/i.test(type)) this.oembed ??= href;
  }

  private readImage({ src, width, height }: Attributes): void {
    if (src === undefined || src.startsWith("data:") || this.skipping > 0) return;
    if (Number(width ?? Infinity) <= SMALL_EDGE || Number(height ?? Infinity) <= SMALL_EDGE) return;
    this.firstImage ??= src;
  }
}

function tidy(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
