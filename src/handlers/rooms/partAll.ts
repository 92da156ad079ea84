import type { App } from "../app";
import { requesterFor } from "../requester";
import { changeMembership } from "./membership";

/** Has a deactivated user leave every room and turn down every invitation. What cannot be left is logged and does not stop the rest. */
export async function partAll(app: App, userId: string): Promise<void> {
  const log = app.log("synapse.handlers.deactivate_account");
  const places = [...(await app.caches.memberships.ofUser(userId)).values()];
  for (const place of places) {
    if (place.membership !== "join" && place.membership !== "invite" && place.membership !== "knock") continue;
    await changeMembership(app, requesterFor(userId), { roomId: place.roomId, target: userId, action: "leave" }).catch((error: unknown) =>
      log.warn(`Failed to part user ${userId} from room ${place.roomId}`, { error }),
    );
  }
}
