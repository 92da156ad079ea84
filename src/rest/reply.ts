import type { ByteSource } from "../lib/byteSource";

/** What a Reply may carry: bytes, a stream, text, or anything else as JSON (with JsonText leaves). */
export type ReplyBody = Buffer | ByteSource | string | object | null | number | boolean | undefined;

export interface ReplyOptions {
  /** 200 unless given. */
  readonly status?: number;
  /** Win over the headers that every answer carries; an undefined value removes one. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** A string or Buffer is sent as it lies and needs a Content-Type; nothing is sent when undefined. */
  readonly body?: ReplyBody;
}

/** An answer that is not plain JSON with status 200. */
export class Reply {
  readonly status: number;
  readonly headers: NonNullable<ReplyOptions["headers"]>;
  readonly body: ReplyBody;

  constructor({ status = 200, headers = {}, body }: ReplyOptions) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

export function reply(options: ReplyOptions): Reply {
  return new Reply(options);
}

/** 302 unless given. `location` must be ASCII, as `new URL(...).href` is. */
export function redirect(location: string, status: 301 | 302 | 303 | 307 | 308 = 302): Reply {
  return new Reply({ status, headers: { Location: location } });
}

/** A page for browsers: no frames, no scripts but its own, nothing from elsewhere. */
export function html(page: string, status = 200): Reply {
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache, no-store, must-revalidate",
  };
  return new Reply({ status, headers, body: page });
}
