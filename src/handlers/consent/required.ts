import { MatrixError } from "../../errors";
import type { JsonValue } from "../../lib/json";
import { isJsonObject } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import type { UserRow } from "../../storage/users";
import { deliverServerNotice } from "../../writers/serverNoticeRpc";
import type { App } from "../app";
import type { Requester } from "../requester";
import { noticeRoomOf, noticeUser } from "../serverNotices/noticeUser";
import { consentLink } from "./links";

/** What a user wants to do; a membership of another kind than these is like any event. */
export type ConsentedAction = { readonly kind: "event" } | { readonly kind: "join"; readonly roomId: string } | { readonly kind: "leave" };

const PLACEHOLDER = "%(consent_uri)s";

async function needsToAgree(app: App, userId: string): Promise<UserRow | undefined> {
  const version = app.config.user_consent?.version;
  const user = version === undefined ? undefined : await app.accounts.users.load(userId);
  return user?.consentVersion === version ? undefined : user;
}

/**
 * Refuses what users send who did not agree to the policy (`user_consent.block_events_error`): 403 M_CONSENT_NOT_GIVEN with the address
 * where they can. They may leave rooms, and enter the one in which the server speaks to them. Bots, and users of application services,
 * have nothing to agree to.
 */
export async function requireConsent(app: App, requester: Requester, action: ConsentedAction): Promise<void> {
  const text = app.config.user_consent?.block_events_error;
  if (text === undefined || requester.accessTokenId === undefined || requester.appservice || action.kind === "leave") return;
  const { userId } = requester;
  const user = await needsToAgree(app, userId);
  if (!user || user.appserviceId !== null || user.userType === "support" || user.userType === "bot") return;
  const system = noticeUser(app);
  if (action.kind === "join" && system !== undefined && (await noticeRoomOf(app, system, userId)) === action.roomId) return;
  const uri = consentLink(app, userId);
  throw new MatrixError(403, "M_CONSENT_NOT_GIVEN", text.replaceAll(PLACEHOLDER, uri), { consent_uri: uri });
}

/** Has a user asked to agree to the policy, once for each version of it (`user_consent.server_notice_content`). */
export async function askForConsent(app: App, { userId, isGuest }: Requester): Promise<void> {
  const { user_consent: consent, server_notices: notices } = app.config;
  const content = consent?.server_notice_content;
  if (!content || !notices || (isGuest && !consent.send_server_notice_to_guests)) return;
  const user = await needsToAgree(app, userId);
  if (!user || user.consentNoticeVersion === consent.version) return;
  app.background("consent_notice", async () => {
    await app.rpc.call(deliverServerNotice, {
      userId,
      type: "m.room.message",
      content: withLink(content as JsonObject, consentLink(app, userId)) as JsonObject,
      asksForConsentTo: consent.version,
    });
  });
}

function withLink(value: JsonValue, link: string): JsonValue {
  if (typeof value === "string") return value.replaceAll(PLACEHOLDER, link);
  if (Array.isArray(value)) return value.map((item) => withLink(item, link));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item = null]) => [key, withLink(item, link)]));
}
