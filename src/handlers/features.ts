import { featuresOf } from "../storage/adminUsers";
import type { App } from "./app";

/** Experimental features that can be switched on for single users. `msc4222` is there for all. */
export const userFeatures = ["msc3881", "msc3575", "msc4222"] as const;
type Configured = Exclude<(typeof userFeatures)[number], "msc4222">;

/** Whether a feature is on for all, or for this user. */
export async function hasFeature(app: Pick<App, "config" | "db">, userId: string, name: Configured): Promise<boolean> {
  if (app.config.experimental_features[`${name}_enabled`]) return true;
  return (await featuresOf(app.db, userId)).some(({ feature, enabled }) => feature === name && enabled);
}
