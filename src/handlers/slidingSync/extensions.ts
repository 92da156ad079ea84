import type { App } from "../app";
import type { Tree } from "../sync/roomSections";
import { accountDataExtension } from "./accountData";
import type { KnownRoom, KnownUpTo, StateChanges } from "./connectionState";
import { encryptionExtension } from "./encryption";
import { receiptsExtension, typingExtension } from "./ephemeral";
import type { ExtensionsRequest } from "./extension";
import { toDeviceExtension } from "./toDevice";

/** The `extensions` of an answer. */
export async function answerExtensions(
  app: App,
  request: ExtensionsRequest,
): Promise<{ readonly tree: Tree; readonly hasNews: boolean; readonly changes: StateChanges }> {
  const [toDevice, e2ee, accountData, receipts] = await Promise.all([
    toDeviceExtension(app, request),
    encryptionExtension(app, request),
    accountDataExtension(app, request),
    receiptsExtension(app, request),
  ]);
  const parts = { to_device: toDevice, e2ee, account_data: accountData, receipts, typing: typingExtension(app, request) };
  const changes = new Map<number, KnownRoom>();
  const change = (results: ReadonlyMap<number, KnownUpTo>, field: "accountData" | "receipts"): void => {
    for (const [nid, upTo] of results) {
      const room = changes.get(nid) ?? request.known.rooms.get(nid);
      if (room) changes.set(nid, { ...room, [field]: upTo });
    }
  };
  change(accountData.known, "accountData");
  change(receipts.known, "receipts");
  return {
    tree: Object.fromEntries(Object.entries(parts).flatMap(([name, { tree }]) => (tree === undefined ? [] : [[name, tree]]))),
    hasNews: Object.values(parts).some(({ hasNews }) => hasNews),
    changes,
  };
}
