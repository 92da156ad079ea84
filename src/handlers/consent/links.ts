import { createHmac, timingSafeEqual } from "node:crypto";
import type { App } from "../app";
import { localpartOf } from "../../rooms/ids";

type LinkApp = Pick<App, "config">;

const macOf = ({ config }: LinkApp, name: string): Buffer => createHmac("sha256", config.derived.formSecret).update(name).digest();

/** Where a user reads the policy and agrees to it, without logging in: whoever has the link is that user. */
export function consentLink(app: LinkApp, userId: string): string {
  const name = localpartOf(userId);
  const query = new URLSearchParams({ u: name, h: macOf(app, name).toString("hex") });
  return `${app.config.derived.publicBaseurl}_matrix/consent?${query.toString()}`;
}

/** Whether a link is one of ours for this name (a localpart, or a whole id). */
export function isConsentLink(app: LinkApp, name: string, mac: string): boolean {
  const given = Buffer.from(mac, "hex");
  const wanted = macOf(app, name);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
