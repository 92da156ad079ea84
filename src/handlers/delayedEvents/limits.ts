import type { Config } from "../../config/config";
import type { JsonObject } from "../../lib/json";

type Limits = Pick<Config, "max_event_delay_duration" | "experimental_features">;

const perUser = ({ experimental_features: features }: Limits): number => features.msc4140_max_delayed_events_per_user;

/** Whether events can be sent later (MSC4140). */
export const delaysEvents = (config: Limits): boolean => config.max_event_delay_duration !== undefined && perUser(config) > 0;

/** The capability `m.delayed_events`: the longest delay in ms, and how many events of a user may wait. */
export function delayLimits(config: Limits): JsonObject & { readonly max_delay_ms: number; readonly max_scheduled: number } {
  return { max_delay_ms: config.max_event_delay_duration ?? 0, max_scheduled: perUser(config) };
}
