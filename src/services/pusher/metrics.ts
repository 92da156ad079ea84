import type { Metrics } from "../../observe/metrics";

/** What pushers count, under Synapse's names. */
export interface PusherMetrics {
  pushed(): void;
  pushFailed(): void;
  badgeTold(): void;
  badgeFailed(): void;
  mailed(): void;
}

/** count: pushers of a kind that this process runs. */
export function createPusherMetrics(metrics: Metrics, count: (kind: "http" | "email") => number): PusherMetrics {
  const cell = (name: string, help: string) => metrics.counter({ name: `synapse_http_httppusher_${name}_total`, help }).cell();
  const pushed = cell("http_pushes_processed", "Notifications that gateways took");
  const pushFailed = cell("http_pushes_failed", "Notifications that gateways did not take, by attempts");
  const badgeTold = cell("badge_updates_processed", "Numbers of unread notifications that gateways took");
  const badgeFailed = cell("badge_updates_failed", "Numbers of unread notifications that gateways did not take");
  metrics.computed("gauge", { name: "synapse_pushers", help: "Pushers that this process runs", labels: ["kind"] }, () => [
    { labels: ["http"], value: count("http") },
    { labels: ["email"], value: count("email") },
  ]);
  const mailed = metrics
    .counter({ name: "synapse_emails_sent_total", help: "Mails that the relay took", labels: ["type"] })
    .cell("notification");
  return {
    mailed: () => void mailed.value++,
    pushed: () => void pushed.value++,
    pushFailed: () => void pushFailed.value++,
    badgeTold: () => void badgeTold.value++,
    badgeFailed: () => void badgeFailed.value++,
  };
}
