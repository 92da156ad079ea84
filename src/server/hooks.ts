import type { AccountHooks, App } from "../handlers/app";
import { autoJoin } from "../handlers/rooms/autoJoin";
import { partAll } from "../handlers/rooms/partAll";

/** What rooms do when accounts come and go. */
export function createHooks(app: () => App): AccountHooks {
  return {
    userRegistered: (userId, options) => autoJoin(app(), userId, options),
    userDeactivated: (userId) => partAll(app(), userId),
  };
}
