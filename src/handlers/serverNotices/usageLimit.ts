import { MatrixError } from "../../errors";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { isMonthlyActive } from "../../storage/monthlyActive";
import { deliverServerNotice } from "../../writers/serverNoticeRpc";
import type { App } from "../app";
import type { Requester } from "../requester";
import { currentEvent, findRoom } from "../rooms/access";
import { noticeRoomOf, noticeUser } from "./noticeUser";

/**
 * Has a user told that the server has as many active users as it may, by a message that is pinned in the room where the server speaks to
 * them until that is over (client-server API, "Server notices"). Once for each time, and not to who is refused anyway.
 */
export function tellOfUsageLimit(app: App, { userId }: Requester): void {
  const { limit_usage_by_mau: isLimited, hs_disabled: isOff, server_notices: notices } = app.config;
  if (!isLimited || isOff || !notices) return;
  app.background("usage_limit_notice", async () => {
    if (await usageNoticeFor(app, userId)) await app.rpc.call(deliverServerNotice, { kind: "usage_limit", userId });
  });
}

/** What the room of notices has to say, beside the other events that are pinned in it; `notice` undefined: nothing any more. */
export interface UsageNotice {
  readonly notice: JsonObject | undefined;
  readonly otherPins: readonly string[];
}

/** undefined where the room says what is the case. */
export async function usageNoticeFor(app: App, userId: string): Promise<UsageNotice | undefined> {
  const [refusal, { pinned, otherPins }] = await Promise.all([refusalOfOthers(app), pins(app, userId)]);
  if ((refusal !== undefined) === pinned || !(await isMonthlyActive(app.db, userId))) return undefined;
  const notice = refusal && {
    msgtype: "m.server_notice",
    server_notice_type: "m.server_notice.usage_limit_reached",
    body: refusal.message,
    ...refusal.extra,
  };
  return { notice, otherPins };
}

/** What somebody would be told who came now. */
async function refusalOfOthers({ accounts, config }: App): Promise<MatrixError | undefined> {
  if (!config.mau_limit_alerting) return undefined;
  try {
    await accounts.monthlyActive.check("new user");
    return undefined;
  } catch (error) {
    if (error instanceof MatrixError) return error;
    throw error;
  }
}

/** Whether a notice of a limit is pinned in the user's room of notices, and what else is. */
async function pins(app: App, userId: string): Promise<{ pinned: boolean; otherPins: readonly string[] }> {
  const system = noticeUser(app);
  const roomId = system === undefined ? undefined : await noticeRoomOf(app, system, userId);
  const room = roomId === undefined ? undefined : await findRoom(app, roomId);
  const event = room && (await currentEvent(app, room, "m.room.pinned_events"));
  const listed = own(event?.shown.content ?? {}, "pinned");
  const ids = Array.isArray(listed) ? listed.filter((id) => typeof id === "string") : [];
  const events = await app.caches.events.byIds(ids);
  const isNotice = (id: string): boolean => own(events.get(id)?.shown.content ?? {}, "msgtype") === "m.server_notice";
  return { pinned: ids.some(isNotice), otherPins: ids.filter((id) => !isNotice(id)) };
}
