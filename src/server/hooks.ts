import type { AccountHooks, App } from "../handlers/app";
import { autoJoin } from "../handlers/rooms/autoJoin";
import { removePushersOfDevices } from "../handlers/push/pushers";
import { deleteAccountDataOfUsers } from "../storage/accountData";
import { cancelDelayedEventsOf } from "../storage/delayedEvents";
import { partAll } from "../handlers/rooms/partAll";
import { changeAccounts } from "../writers/accountChanges";

/** What rooms do when accounts come and go. */
export function createHooks(app: () => App): AccountHooks {
  return {
    async userRegistered(userId, options) {
      // Of others nothing is shown before they are in a room.
      if (app().config.user_directory.search_all_users) {
        await changeAccounts(app(), () => Promise.resolve({ value: undefined, accounts: [{ userId, what: "profile" }] }));
      }
      await autoJoin(app(), userId, options);
    },
    async userDeactivated(userId) {
      await partAll(app(), userId);
      await removePushersOfDevices(app(), userId, "all");
      await deleteAccountDataOfUsers(app().db, [userId]);
      await cancelDelayedEventsOf(app().db, userId, app().clock.now());
    },
  };
}
