import { deletePushers, putPusher } from "../../storage/pushers";
import { eventsStream } from "../../streams/events";
import { pushersStream } from "../../streams/pushers";
import type { App } from "../app";

type MailPushersApp = Pick<App, "clock" | "config" | "db" | "streams">;

const APP_ID = "m.email";

/** Sends notifications to a new user's address from now on, where `email.notif_for_new_users` says so. */
export async function addMailPusher(app: MailPushersApp, userId: string, address: string): Promise<void> {
  const { email } = app.config;
  if (email?.enable_notifs !== true || !email.notif_for_new_users) return;
  const rows = await app.db.tx((tx) =>
    putPusher(tx, pushersStream.lockKey, {
      userId,
      appId: APP_ID,
      pushkey: address,
      kind: "email",
      appDisplayName: "Email Notifications",
      deviceDisplayName: address,
      profileTag: "",
      lang: "en",
      data: {},
      deviceId: null,
      enabled: true,
      createdTs: app.clock.now(),
      lastStreamOrdering: app.streams.position(eventsStream),
    }),
  );
  app.streams.publish(pushersStream, rows);
}

/** Sends nothing more to an address of a user. */
export async function removeMailPusher(app: Pick<App, "db" | "streams">, userId: string, address: string): Promise<void> {
  const rows = await app.db.tx((tx) => deletePushers(tx, pushersStream.lockKey, [{ userId, appId: APP_ID, pushkey: address }]));
  if (rows.length > 0) app.streams.publish(pushersStream, rows);
}
