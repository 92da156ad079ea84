import type { AccountDataEvent } from "../accountData";
import type { PresenceEvent } from "../presence";
import type { Tree } from "../sync/roomSections";

/** In the old event stream presence names its user in the content. */
export function legacyPresence({ type, sender, content }: PresenceEvent): Tree {
  return { type, content: { user_id: sender, ...content } };
}

/** What belongs to a room and is no event of it names the room. */
export function inRoom(roomId: string, type: string, content: Tree): Tree {
  return { type, room_id: roomId, content };
}

export function accountDataTree({ type, content }: AccountDataEvent): Tree {
  return { type, content };
}
