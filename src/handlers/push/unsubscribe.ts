import { createHmac, timingSafeEqual } from "node:crypto";
import { forbidden } from "../../errors";
import type { PusherKey } from "../../storage/pushers";
import type { App } from "../app";
import { removePushers } from "./pushers";

type LinkApp = Pick<App, "config">;

const macOf = ({ config }: LinkApp, { userId, appId, pushkey }: PusherKey): Buffer =>
  createHmac("sha256", config.derived.macaroonSecret)
    .update(JSON.stringify(["delete_pusher", userId, appId, pushkey]))
    .digest();

/** Where whoever got a mail can have the pusher deleted that sent it. The token is good for that alone. */
export function unsubscribeLink(app: LinkApp, { userId, appId, pushkey }: PusherKey): string {
  const token = `${Buffer.from(userId).toString("base64url")}.${macOf(app, { userId, appId, pushkey }).toString("base64url")}`;
  const query = new URLSearchParams({ access_token: token, app_id: appId, pushkey });
  return `${app.config.derived.publicBaseurl}_synapse/client/unsubscribe?${query.toString()}`;
}

/** Deletes the pusher of a link. Doing so again is no error. 403 for what is no link of ours. */
export async function unsubscribe(
  app: Pick<App, "config" | "db" | "streams">,
  { token, appId, pushkey }: { readonly token: string; readonly appId: string; readonly pushkey: string },
): Promise<void> {
  const [user = "", mac = ""] = token.split(".");
  const key = { userId: Buffer.from(user, "base64url").toString(), appId, pushkey };
  const given = Buffer.from(mac, "base64url");
  const wanted = macOf(app, key);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw forbidden("Invalid unsubscribe token");
  await removePushers(app, [key]);
}

export const unsubscribedPage = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Unsubscribed</title></head>
<body><p>You have been unsubscribed: no more mails are sent to you.</p></body></html>`;
