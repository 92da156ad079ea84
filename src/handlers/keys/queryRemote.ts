import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { crossSigningKeysOf, keySignaturesOn } from "../../storage/crossSigning";
import { remoteDevicesOf, trustedRemoteLists } from "../../storage/remoteDevices";
import type { App } from "../app";
import { addCrossSigningKeys, noKeys, publicPartOf, setOwn, signaturesByTarget, withSignatures } from "./query";
import type { DevicesWanted, FoundKeys } from "./query";
import { fetchLists } from "./remoteLists";
import type { RemoteListsApp } from "./remoteLists";
import { answerFor, askKeys } from "./remoteUsers";

/** Keys of users of one other server: from lists kept here, which are fetched of those who share a room with us; of all others by asking. */
export async function queryRemoteUsers(
  app: RemoteListsApp,
  host: string,
  wanted: DevicesWanted,
  { viewer, timeoutMs }: { readonly viewer: string; readonly timeoutMs: number },
): Promise<FoundKeys> {
  const trusted = await trustedLists(app, [...wanted.keys()], timeoutMs);
  const unknown = new Map([...wanted].filter(([userId]) => !trusted.has(userId)));
  const known = new Map([...wanted].filter(([userId]) => trusted.has(userId)));
  const [kept, asked, signatures] = await Promise.all([
    known.size > 0 ? keptKeys(app, known) : noKeys(),
    unknown.size > 0 ? askKeys(app, host, unknown, timeoutMs).then((answer) => readAnswer(answer, unknown)) : noKeys(),
    keySignaturesOn(app.db, [...wanted.keys()], viewer),
  ]);
  const signed = signaturesByTarget(signatures);
  const masterKeys = new Map(
    [...kept.masterKeys, ...asked.masterKeys].map(([userId, key]) => [
      userId,
      isJsonObject(key) ? withSignatures(key, signed(userId, publicPartOf(key))) : key,
    ]),
  );
  return {
    deviceKeys: new Map([...kept.deviceKeys, ...asked.deviceKeys]),
    masterKeys,
    selfSigningKeys: new Map([...kept.selfSigningKeys, ...asked.selfSigningKeys]),
    userSigningKeys: new Map(),
  };
}

/** Those of whom a right list is kept, after an attempt to get the lists that are not. */
async function trustedLists(app: RemoteListsApp, userIds: readonly string[], timeoutMs: number): Promise<Set<string>> {
  const trusted = new Set(await trustedRemoteLists(app.db, userIds));
  const missing = userIds.filter((userId) => !trusted.has(userId));
  const fetched = await fetchLists(app, missing, timeoutMs);
  for (const userId of fetched.length > 0 ? await trustedRemoteLists(app.db, fetched) : []) trusted.add(userId);
  return trusted;
}

async function keptKeys({ db }: Pick<App, "db">, wanted: DevicesWanted): Promise<FoundKeys> {
  const users = [...wanted.keys()];
  const [devices, crossSigning] = await Promise.all([remoteDevicesOf(db, users), crossSigningKeysOf(db, users)]);
  const found = noKeys();
  for (const userId of users) found.deviceKeys.set(userId, {});
  for (const { userId, deviceId, displayName, keys } of devices) {
    const ids = wanted.get(userId) ?? [];
    if (keys === null || (ids.length > 0 && !ids.includes(deviceId))) continue;
    const unsigned = displayName === null ? {} : { device_display_name: displayName };
    setOwn(found.deviceKeys.get(userId), deviceId, { ...(JSON.parse(keys) as JsonObject), unsigned });
  }
  addCrossSigningKeys(found, crossSigning, () => [], undefined);
  return found;
}

/** What another server said, as far as it concerns users asked about and says it of the right ones. */
function readAnswer(answer: JsonObject, wanted: DevicesWanted): FoundKeys {
  const found = noKeys();
  for (const [userId, devices] of answerFor(answer, "device_keys", wanted)) {
    const shown = {};
    for (const [deviceId, keys] of Object.entries(devices)) {
      if (isJsonObject(keys) && own(keys, "user_id") === userId && own(keys, "device_id") === deviceId) setOwn(shown, deviceId, keys);
    }
    found.deviceKeys.set(userId, shown);
  }
  const keysIn = (field: string) => answerFor(answer, field, wanted).filter(([userId, key]) => own(key, "user_id") === userId);
  for (const [userId, key] of keysIn("master_keys")) found.masterKeys.set(userId, key);
  for (const [userId, key] of keysIn("self_signing_keys")) found.selfSigningKeys.set(userId, key);
  return found;
}
