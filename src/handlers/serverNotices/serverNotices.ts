import { MatrixError } from "../../errors";
import { createKeyedQueue } from "../../lib/keyedQueue";
import { getUser, setConsentNoticed } from "../../storage/users";
import { changeAccounts } from "../../writers/accountChanges";
import { sendEvent } from "../../writers/eventsRpc";
import { sendIntent } from "../../writers/intents";
import type { ServerNotice, ServerNotices, UsageLimitNotice } from "../../writers/serverNoticeRpc";
import type { App } from "../app";
import { provideNoticeRoom } from "./noticeRoom";
import { noticeUser } from "./noticeUser";
import { usageNoticeFor } from "./usageLimit";

/** Delivers notices of the server, those of one user one after another. */
export function createServerNotices(appOf: () => App): ServerNotices {
  const users = createKeyedQueue();
  const deliverOne = (notice: ServerNotice | UsageLimitNotice) =>
    notice.kind === "usage_limit" ? deliverUsageNotice(appOf(), notice.userId) : deliver(appOf(), notice);
  return { deliver: (notice) => users.run(notice.userId, () => deliverOne(notice)) };
}

async function deliver(app: App, notice: ServerNotice): Promise<string | null> {
  const settings = app.config.server_notices;
  const system = noticeUser(app);
  if (!settings || system === undefined) throw new MatrixError(400, "M_UNKNOWN", "Server notices are not enabled on this server");
  const { userId, asksForConsentTo: version } = notice;
  if (version !== undefined && !(await isToBeAsked(app, userId, version))) return null;
  const roomId = await provideNoticeRoom(app, settings, system, userId);
  const { eventId } = await sendEvent(
    app,
    sendIntent(
      { roomId, sender: system, type: notice.type, content: notice.content },
      { stateKey: notice.stateKey ?? null, ...(notice.txnId !== undefined && { deviceId: "", txnId: notice.txnId }) },
    ),
  );
  if (version !== undefined) await noteAsked(app, userId, version);
  return eventId;
}

async function deliverUsageNotice(app: App, userId: string): Promise<string | null> {
  const due = await usageNoticeFor(app, userId);
  if (!due) return null;
  const said = due.notice && (await deliver(app, { userId, type: "m.room.message", content: due.notice }));
  const pinned = [...(typeof said === "string" ? [said] : []), ...due.otherPins];
  return deliver(app, { userId, type: "m.room.pinned_events", stateKey: "", content: { pinned } });
}

async function isToBeAsked(app: App, userId: string, version: string): Promise<boolean> {
  const user = await getUser(app.db, userId);
  return user !== undefined && user.consentVersion !== version && user.consentNoticeVersion !== version;
}

async function noteAsked(app: App, userId: string, version: string): Promise<void> {
  await changeAccounts(app, async (tx) => {
    await setConsentNoticed(tx, userId, version);
    return { value: undefined, accounts: [{ userId, what: "account" as const }] };
  });
}
