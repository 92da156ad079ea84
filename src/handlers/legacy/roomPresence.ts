import type { RoomInfo } from "../../caches/rooms";
import type { App } from "../app";
import { presenceContent } from "../presence";
import type { PresenceEvent } from "../presence";

type PresenceApp = Pick<App, "caches" | "clock" | "config" | "serverName" | "userData">;

/** The presence of those who are in a room, for readers who may see the room: of all who are known, or of those who changed. */
export async function presenceInRoom(app: PresenceApp, room: RoomInfo, changed?: ReadonlySet<string>): Promise<PresenceEvent[]> {
  if (app.config.presence.enabled === false || app.config.exclude_rooms_from_presence.includes(room.roomId)) return [];
  const view = app.userData.presence;
  const members = await app.caches.memberships.ofRoom(room.nid);
  const isRemote = (userId: string): boolean => !members.local.has(userId) && members.hosts.has(userId.slice(userId.indexOf(":") + 1));
  const candidates = changed ? [...changed] : [...view.present()].map(({ userId }) => userId);
  const remote = members.hosts.size > 1 ? candidates.filter(isRemote) : [];
  const places = remote.length > 0 ? await app.caches.memberships.ofUsers(remote) : undefined;
  const here = [
    ...(changed ? candidates.filter((userId) => members.local.has(userId)) : members.local.keys()),
    ...remote.filter((userId) => places?.get(userId)?.get(room.nid)?.membership === "join"),
  ];
  const now = app.clock.now();
  return here.map((sender): PresenceEvent => {
    const row = view.get(sender);
    return { type: "m.presence", sender, content: row ? presenceContent(row, now) : { presence: "offline" } };
  });
}
