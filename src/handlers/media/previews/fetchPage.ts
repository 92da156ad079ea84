import { MatrixError } from "../../../errors";
import type { WebAnswer } from "../../../remote/webFetch";
import type { MediaApp } from "../media";
import { refusedBy } from "./urlRules";

const TIMEOUT_MS = 60_000;

export const failed = (reason: string): MatrixError => new MatrixError(502, "M_UNKNOWN", `Failed to download content: ${reason}`);

/** Throws 403 for addresses that `url_preview_url_blacklist` refuses, redirects among them. */
export function addressCheck({ config }: Pick<MediaApp, "config">): (url: URL) => void {
  const refuses = refusedBy(config.url_preview_url_blacklist);
  return (url) => {
    if (refuses(url)) throw new MatrixError(403, "M_UNKNOWN", "URL blocked by url pattern blocklist entry");
  };
}

/** What lies at an address. Throws 502 for everything that keeps it from being had. */
export async function fetchFrom(app: MediaApp, url: URL): Promise<WebAnswer> {
  const { previewWeb } = app.media;
  if (!previewWeb) throw failed("previews are off");
  const headers = { "accept-language": app.config.url_preview_accept_language.join(", ") };
  try {
    const answer = await previewWeb.get(url, { headers, check: addressCheck(app), signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.status >= 200 && answer.status < 300) return answer;
    drop(answer);
    throw failed(`status ${answer.status}`);
  } catch (error) {
    throw error instanceof MatrixError ? error : failed(error instanceof Error ? error.message : String(error));
  }
}

/** The whole of it in memory, up to `max_spider_size`. */
export async function readAll(app: Pick<MediaApp, "config">, answer: WebAnswer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > app.config.max_spider_size) throw failed("it is too large");
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof MatrixError ? error : failed(error instanceof Error ? error.message : String(error));
  }
  return Buffer.concat(chunks, size);
}

export function drop({ body }: WebAnswer): void {
  body.on("error", () => undefined).destroy();
}

export const typeOf = (answer: WebAnswer): string => answer.header("content-type") ?? "";
export const isKind = (answer: WebAnswer, kind: RegExp): boolean => kind.test(typeOf(answer).trim());
