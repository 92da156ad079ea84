import { JsonText } from "../../lib/jsonText";
import type { StreamToken } from "../../lib/streamToken";
import type { SyncFilter } from "../../rooms/filter";
import { accountDataSince, allAccountDataOf } from "../accountData";
import type { AccountDataEvent, AccountDataEvents } from "../accountData";
import type { App } from "../app";
import { presenceSince } from "../presence";
import { pushRulesChanged, pushRulesContent } from "../push/rules";
import type { Requester } from "../requester";
import { toDeviceSince } from "../toDevice";
import { deviceNews } from "../keys/changes";
import { keyCountFields, keyCountsOf } from "../keys/counts";
import type { RoomJob } from "./places";
import type { Tree } from "./roomSections";

export interface GlobalRequest {
  readonly filter: SyncFilter;
  readonly since: StreamToken | undefined;
  readonly now: StreamToken;
  readonly jobs: readonly RoomJob[];
}

export interface GlobalSections {
  readonly fields: { readonly [key: string]: Tree };
  readonly hasNews: boolean;
  readonly toDevicePosition: number;
  /** Account data of rooms: shown with the rooms. */
  readonly roomAccountData: AccountDataEvents["rooms"];
}

/** What of an answer belongs to no room. */
export async function globalSections(app: App, requester: Requester, request: GlobalRequest): Promise<GlobalSections> {
  const { filter, since, now } = request;
  const { userId, deviceId } = requester;
  const [accountData, pushRules, presence, toDevice, devices] = await Promise.all([
    since ? accountDataSince(app, userId, since.account_data, now.account_data) : allAccountDataOf(app, userId),
    pushRulesEvent(app, userId, since, now),
    filter.presence.blocksAll || app.config.presence.enabled === false
      ? []
      : presenceSince(app, { userId, from: since?.presence, newlyShared: await newcomers(app, userId, request) }),
    deviceId === undefined
      ? { events: [], position: now.to_device }
      : toDeviceSince(app, { userId, deviceId }, since?.to_device ?? 0, now.to_device),
    since ? deviceNews(app, requester, since, now) : undefined,
  ]);
  const lists = devices && devices.changed.length + devices.left.length > 0;
  const data = [...accountData.global, ...pushRules].filter(({ type }) => filter.accountData.matches({ type }));
  const people = presence.filter(({ sender }) => filter.presence.matches({ type: "m.presence", sender })).slice(0, filter.presence.limit);
  return {
    fields: {
      ...(data.length > 0 && { account_data: { events: data as unknown as Tree } }),
      ...(people.length > 0 && { presence: { events: people as unknown as Tree } }),
      ...(toDevice.events.length > 0 && { to_device: { events: toDevice.events } }),
      ...(lists && {
        device_lists: {
          ...(devices.changed.length > 0 && { changed: devices.changed }),
          ...(devices.left.length > 0 && { left: devices.left }),
        },
      }),
      ...keyCountFields(await keyCountsOf(app, userId, deviceId)),
    },
    hasNews: lists === true || devices?.countsMoved === true || data.length + people.length + toDevice.events.length > 0,
    toDevicePosition: toDevice.position,
    roomAccountData: accountData.rooms,
  };
}

/** `m.push_rules`, whole, in a first sync and whenever the rules changed. */
export async function pushRulesEvent(
  app: App,
  userId: string,
  since: StreamToken | undefined,
  now: StreamToken,
): Promise<AccountDataEvent[]> {
  if (since && (since.push_rules === now.push_rules || !(await pushRulesChanged(app, userId, since.push_rules)))) return [];
  return [{ type: "m.push_rules", content: new JsonText(JSON.stringify(await pushRulesContent(app, userId))) }];
}

/** Local users whom the requester has come to share a room with: who joined a room of theirs, and the members of rooms they joined. */
async function newcomers(app: App, userId: string, { since, jobs }: GlobalRequest): Promise<string[]> {
  if (!since) return [];
  const found = new Set<string>();
  for (const job of jobs) {
    if (job.section !== "join") continue;
    if (job.newlyJoined) for (const member of (await app.caches.memberships.ofRoom(job.room.nid)).local.keys()) found.add(member);
    else {
      for (const entry of app.caches.tails.between(job.room.nid, since.events, job.upTo) ?? []) {
        if (entry.type === "m.room.member" && entry.keyNid !== undefined) found.add(entry.sender);
      }
    }
  }
  found.delete(userId);
  return [...found];
}
