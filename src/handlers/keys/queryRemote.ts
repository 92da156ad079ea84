import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { crossSigningKeysOf, keySignaturesOn } from "../../storage/crossSigning";
import { remoteDevicesOf, trustedRemoteLists } from "../../storage/remoteDevices";
import type { App } from "../app";
import { addCrossSigningKeys, noKeys, publicPartOf, setOwn, signaturesByTarget, withSignatures } from "./query";
import type { DevicesWanted, FoundKeys } from "./query";
import { resyncLater } from "./remoteLists";
import type { RemoteListsApp } from "./remoteLists";
import { answerFor, askKeys } from "./remoteUsers";

/**
 * Keys of users of one other server: from lists kept here where those are right, else by asking. Whoever shares a room with us is
 * fetched afterwards, so that the next question need not go out.
 */
export async function queryRemoteUsers(
  app: RemoteListsApp,
  host: string,
  wanted: DevicesWanted,
  { viewer, timeoutMs }: { readonly viewer: string; readonly timeoutMs: number },
): Promise<FoundKeys> {
  const trusted = new Set(await trustedRemoteLists(app.db, [...wanted.keys()]));
  const unknown = new Map([...wanted].filter(([userId]) => !trusted.has(userId)));
  const known = new Map([...wanted].filter(([userId]) => trusted.has(userId)));
  const [kept, asked, signatures] = await Promise.all([
    known.size > 0 ? keptKeys(app, known) : noKeys(),
    unknown.size > 0 ? askKeys(app, host, unknown, timeoutMs).then((answer) => readAnswer(answer, unknown)) : noKeys(),
    keySignaturesOn(app.db, [...wanted.keys()], viewer),
  ]);
  if (unknown.size > 0) resyncLater(app, [...unknown.keys()]);
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
