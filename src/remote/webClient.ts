import { Agent, request } from "undici";
import type { Dispatcher } from "undici";
import type { JsonObject, JsonValue } from "../lib/json";
import { createAddressGuard } from "./addressGuard";
import type { BlockedRanges } from "./addressGuard";

/** The other side answered with an error: its status and, when it was JSON, its body. */
export class WebError extends Error {
  constructor(
    readonly status: number,
    readonly body: JsonObject | undefined,
  ) {
    super(`the answer had status ${status}`);
  }
}

/** An answer of whatever status; `json` is undefined where it is none. */
export interface WebAnswer {
  readonly status: number;
  readonly text: string;
  readonly json: JsonValue | undefined;
}

export interface WebRequest {
  readonly method: Method;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Small JSON requests to servers that are no homeservers: identity servers, captcha services. Failures reject. */
export interface WebClient {
  /** The body of an answer that is no JSON, whatever its type. */
  getText(url: string): Promise<string>;
  getJson(url: string, headers?: Readonly<Record<string, string>>): Promise<JsonObject>;
  postJson(url: string, body: JsonObject, headers?: Readonly<Record<string, string>>): Promise<JsonObject>;
  postForm(url: string, fields: Readonly<Record<string, string>>): Promise<JsonObject>;
  /** One request and its answer, also where that is an error. */
  exchange(url: string, request: WebRequest): Promise<WebAnswer>;
  close(): Promise<void>;
}

type Method = "GET" | "POST" | "PUT";

export interface WebClientOptions {
  readonly userAgent: string;
  /** "verify" unless the operator asks for the opposite. */
  readonly certificates: "verify" | "ignore";
  /** CIDRs that may not be reached, for addresses that users choose. Absent: any, for addresses out of the configuration. */
  readonly blocked?: BlockedRanges;
}

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 256 * 1024;

async function readText(answer: Dispatcher.ResponseData): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const isSuccess = ({ statusCode }: Dispatcher.ResponseData): boolean => statusCode >= 200 && statusCode < 300;

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

async function readJson(answer: Dispatcher.ResponseData): Promise<JsonObject> {
  const text = await readText(answer);
  const body: unknown = text === "" ? {} : parsed(text);
  const object = typeof body === "object" && body !== null && !Array.isArray(body) ? (body as JsonObject) : undefined;
  if (!isSuccess(answer)) throw new WebError(answer.statusCode, object);
  if (!object) throw new Error("the answer is not a JSON object");
  return object;
}

export function createWebClient(options: WebClientOptions): WebClient {
  const guard = options.blocked && createAddressGuard(options.blocked);
  const agent = new Agent({
    connect: {
      rejectUnauthorized: options.certificates === "verify",
      timeout: 10_000,
      ...(guard && { lookup: guard.lookup }),
    },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });

  async function open(url: string, { method, headers, body, signal }: WebRequest): Promise<Dispatcher.ResponseData> {
    const target = new URL(url);
    guard?.checkLiteral(target.hostname);
    return request(target, {
      dispatcher: agent,
      method,
      headers: { "user-agent": options.userAgent, ...headers },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    });
  }

  async function send(url: string, method: Method, headers: Readonly<Record<string, string>>, body?: string): Promise<JsonObject> {
    return readJson(await open(url, { method, headers: { accept: "application/json", ...headers }, body }));
  }

  return {
    async getText(url) {
      const answer = await open(url, { method: "GET" });
      const text = await readText(answer);
      if (!isSuccess(answer)) throw new WebError(answer.statusCode, undefined);
      return text;
    },
    getJson: (url, headers = {}) => send(url, "GET", headers),
    postJson: (url, body, headers = {}) => send(url, "POST", { "content-type": "application/json", ...headers }, JSON.stringify(body)),
    postForm: (url, fields) =>
      send(url, "POST", { "content-type": "application/x-www-form-urlencoded" }, new URLSearchParams(fields).toString()),
    async exchange(url, request) {
      const headers = {
        accept: "application/json",
        ...(request.body !== undefined && { "content-type": "application/json" }),
        ...request.headers,
      };
      const answer = await open(url, { ...request, headers });
      const text = await readText(answer);
      return { status: answer.statusCode, text, json: parsed(text) };
    },
    close: () => agent.close(),
  };
}
