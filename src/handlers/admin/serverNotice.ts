import { missingParam } from "../../errors";
import { own } from "../../lib/json";
import { deliverServerNotice } from "../../writers/serverNoticeRpc";
import type { ServerNotice } from "../../writers/serverNoticeRpc";
import type { App } from "../app";
import type { Requester } from "../requester";
import { noticeUser } from "../serverNotices/noticeUser";
import { refuse, requireOwn } from "./targets";

/** `POST /send_server_notice`, and `PUT` with an id that is sent once. Gives the id of the event. */
export async function sendNotice(app: App, requester: Requester, notice: ServerNotice): Promise<string> {
  if (noticeUser(app) === undefined) throw refuse("Server notices are not enabled on this server");
  await requireOwn(app, notice.userId, { foreign: "Server notices can only be sent to local users" });
  const { type, stateKey, content, txnId } = notice;
  for (const field of type === "m.room.message" && stateKey === undefined ? ["body", "msgtype"] : []) {
    if (own(content, field) === undefined) throw refuse(`'${field}' not in content`);
  }
  const eventId = await app.rpc.call(deliverServerNotice, {
    ...notice,
    ...(txnId !== undefined && { txnId: `${requester.userId} ${txnId}` }),
  });
  if (eventId === null) throw missingParam("There is nothing to be sent");
  return eventId;
}
