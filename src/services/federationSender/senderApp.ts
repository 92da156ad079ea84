import type { App } from "../../handlers/app";
import type { SenderMetrics } from "./metrics";

/** What the sender needs of a process. */
export type SenderApp = Pick<
  App,
  | "config"
  | "serverName"
  | "clock"
  | "random"
  | "log"
  | "db"
  | "caches"
  | "streams"
  | "userData"
  | "federation"
  | "ownership"
  | "background"
  | "metrics"
>;

/** Its parts share what they count. */
export type CountingApp = SenderApp & { readonly sent: SenderMetrics };
