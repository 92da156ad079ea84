import { type JsonObject, isJsonObject, own } from "../../lib/json";
import type { App } from "../app";
import { receiveDeviceListUpdate, receiveSigningKeyUpdate } from "../keys/receiveLists";
import { receivePresenceEdu } from "../presence";
import { receiveReceipts } from "../receipts";
import { receiveToDevice } from "../toDevice";
import { receiveTyping } from "../typing";

/** Takes in the content of an EDU. What is nonsense, or not the origin's to say, is left out without a word. */
export type EduHandler = (app: App, origin: string, content: JsonObject) => Promise<void>;

/** Who takes in which EDU (server-server API, "EDUs"). Types that are not listed mean nothing to us. */
const handlers: ReadonlyMap<string, EduHandler> = new Map<string, EduHandler>([
  ["m.device_list_update", receiveDeviceListUpdate],
  ["m.direct_to_device", receiveToDevice],
  ["m.presence", receivePresenceEdu],
  ["m.receipt", receiveReceipts],
  ["m.signing_key_update", receiveSigningKeyUpdate],
  ["m.typing", receiveTyping],
]);

export async function receiveEdu(app: App, origin: string, edu: JsonObject): Promise<void> {
  const [type, content] = [own(edu, "edu_type"), own(edu, "content")];
  if (typeof type !== "string" || !isJsonObject(content)) return;
  await handlers.get(type)?.(app, origin, content);
}
