import type { Config } from "../../config/config";
import type { JsonObject } from "../../lib/json";
import { delaysEvents } from "../delayedEvents/limits";

const VERSIONS = [
  "r0.0.1",
  "r0.1.0",
  "r0.2.0",
  "r0.3.0",
  "r0.4.0",
  "r0.5.0",
  "r0.6.0",
  "r0.6.1",
  "v1.1",
  "v1.2",
  "v1.3",
  "v1.4",
  "v1.5",
  "v1.6",
  "v1.7",
  "v1.8",
  "v1.9",
  "v1.10",
  "v1.11",
  "v1.12",
];

/** Clients switch features on by these: whoever makes one work adds it, and nothing stands here before it works. */
const FEATURES: Readonly<Record<string, (config: Config) => boolean>> = {
  "org.matrix.e2e_cross_signing": () => true,
  "org.matrix.msc2285.stable": () => true,
  "org.matrix.msc2432": () => true,
  "org.matrix.msc3440.stable": () => true,
  "org.matrix.msc3771": () => true,
  "org.matrix.msc3827.stable": () => true,
  "org.matrix.msc3814": (config) => config.experimental_features.msc3814_enabled,
  "org.matrix.msc3881": (config) => config.experimental_features.msc3881_enabled,
  "org.matrix.msc3882": (config) => config.login_via_existing_session.enabled,
  "org.matrix.msc4140": delaysEvents,
  "fi.mau.msc2659.stable": () => true,
  "org.matrix.simplified_msc3575": (config) => config.experimental_features.msc3575_enabled,
  "io.element.e2ee_forced.private": (config) => config.encryption_enabled_by_default_for_room_type !== "off",
  "io.element.e2ee_forced.trusted_private": (config) => config.encryption_enabled_by_default_for_room_type !== "off",
  "io.element.e2ee_forced.public": (config) => config.encryption_enabled_by_default_for_room_type === "all",
};

/** GET /versions. */
export function supportedVersions(config: Config): JsonObject {
  return {
    versions: VERSIONS,
    unstable_features: Object.fromEntries(Object.entries(FEATURES).map(([name, works]) => [name, works(config)])),
  };
}
