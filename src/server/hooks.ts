import type { AccountHooks, App } from "../handlers/app";
import { autoJoin } from "../handlers/rooms/autoJoin";
import { removePushersOfDevices } from "../handlers/push/pushers";
import { deleteAccountDataOfUsers } from "../storage/accountData";
import { partAll } from "../handlers/rooms/partAll";

/** What rooms do when accounts come and go. */
export function createHooks(app: () => App): AccountHooks {
  return {
    userRegistered: (userId, options) => autoJoin(app(), userId, options),
    async userDeactivated(userId) {
      await partAll(app(), userId);
      await removePushersOfDevices(app(), userId, "all");
      await deleteAccountDataOfUsers(app().db, [userId]);
    },
  };
}
