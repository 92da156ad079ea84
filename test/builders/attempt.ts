import type { Body, TestClient } from "./client";

/** What came of one attempt. */
export interface Reply {
  /** 0 where there was no answer. */
  readonly status: number;
  readonly body: Body;
}

/** Longer than this, and the client asks again. */
const ATTEMPT_MS = 6_000;

/** One request of a client whose server may be gone or frozen; whatever fails on the way is no reply. Paths are whole. */
export async function attempt(url: string, client: TestClient, method: string, path: string, body?: unknown): Promise<Reply> {
  try {
    const response = await fetch(url + path, {
      method,
      signal: AbortSignal.timeout(ATTEMPT_MS),
      headers: { authorization: `Bearer ${client.token}`, ...(typeof body === "string" && { "content-type": "text/plain" }) },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  } catch {
    return { status: 0, body: undefined };
  }
}

export const v3 = (path: string): string => `/_matrix/client/v3${path}`;
