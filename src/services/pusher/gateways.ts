import { isJsonObject } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { createLimiter } from "../../lib/limiter";
import type { Limiter } from "../../lib/limiter";
import { createLru } from "../../lib/lru";
import type { WebClient } from "../../remote/webClient";

export interface Gateways {
  /** Sends a notification and gives the pushkeys that the gateway rejects. Fails where it was not taken. */
  notify(url: string, body: JsonObject, signal: AbortSignal): Promise<readonly string[]>;
}

/** Requests to one gateway at once: a message to a large room is pushed to all its members. */
const MAX_REQUESTS = 50;
const MAX_GATEWAYS = 1_000;
const TIMEOUT_MS = 30_000;

/** Requests to push gateways (push gateway API, "POST /notify"). A slow one holds up nobody but itself. */
export function createGateways(web: Pick<WebClient, "exchange">): Gateways {
  const limiters = createLru<string, Limiter>(MAX_GATEWAYS);
  function limiterOf(url: string): Limiter {
    const { origin } = new URL(url);
    let limiter = limiters.get(origin);
    if (!limiter) limiters.set(origin, (limiter = createLimiter(MAX_REQUESTS, Number.MAX_SAFE_INTEGER)));
    return limiter;
  }
  return {
    async notify(url, body, signal) {
      const answer = await limiterOf(url).run(async () => {
        signal.throwIfAborted();
        const either = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
        return web.exchange(url, { method: "POST", body: JSON.stringify(body), signal: either });
      });
      if (answer.status < 200 || answer.status > 299) throw new Error(`the gateway answered with status ${answer.status}`);
      if (!isJsonObject(answer.json)) throw new Error("the gateway's answer is not a JSON object");
      const { rejected } = answer.json;
      return Array.isArray(rejected) ? rejected.filter((pushkey) => typeof pushkey === "string") : [];
    },
  };
}
