import type { Config } from "../../config/config";

/** What kinds of accounts there may be, besides those of people. */
export const knownUserTypes = (config: Pick<Config, "user_types">): readonly string[] => [
  "bot",
  "support",
  ...config.user_types.extra_user_types,
];
