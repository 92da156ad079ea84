import type { StoredEvent } from "../../caches/events";
import type { StatePair } from "../../caches/stateKeys";
import type { App } from "../../handlers/app";
import { strippedState } from "../../handlers/sync/stripped";
import { heroesOf } from "../../handlers/sync/summary";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import type { PushContext } from "./notification";

type ContextApp = Pick<App, "caches" | "config" | "db">;

/** The contents of state events, parallel to the pairs. */
async function contentsOf(app: ContextApp, event: StoredEvent, pairs: readonly StatePair[]): Promise<(JsonObject | undefined)[]> {
  const current = event.row.stateGroup === null ? undefined : await app.caches.roomState.current(event.room.nid);
  if (current) return (await app.caches.roomState.pick(current.state, pairs)).map((found) => found?.shown.content);
  // Of a room that nobody of ours is in, what the invitation told.
  const stripped = await strippedState(app, event);
  return pairs.map(([type, stateKey]) => {
    const content = stripped.find((state) => state["type"] === type && state["state_key"] === stateKey)?.["content"];
    return isJsonObject(content) ? content : undefined;
  });
}

function textOf(content: JsonObject | undefined, key: string): string | undefined {
  const value = content && own(content, key);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Names and pictures for people: of the sender, and of the room as its members see it. */
export async function pushContext(app: ContextApp, event: StoredEvent, userId: string): Promise<PushContext> {
  const { sender, stateKey, type } = event.row;
  const [name, alias, member, avatar] = await contentsOf(app, event, [
    ["m.room.name", ""],
    ["m.room.canonical_alias", ""],
    ["m.room.member", sender],
    ["m.room.avatar", ""],
  ]);
  const senderName = textOf(member, "displayname") ?? sender;
  const roomAlias = textOf(alias, "alias");
  const given = textOf(name, "name") ?? roomAlias;
  const isInvite = type === "m.room.member" && stateKey === userId && event.content["membership"] === "invite";
  const roomName = given ?? (isInvite ? `Invite from ${senderName}` : await nameOfMembers(app, event.room.nid, userId));
  return { senderName, roomName, roomAlias, senderAvatar: textOf(member, "avatar_url"), roomAvatar: textOf(avatar, "url") };
}

/** As clients name a room without a name ("Calculating the display name for a room"). A room of two is told by who writes. */
async function nameOfMembers(app: ContextApp, roomNid: number, userId: string): Promise<string | undefined> {
  const others = (await app.caches.memberships.ofRoom(roomNid)).joined - 1;
  if (others < 2) return undefined;
  const heroes = (await heroesOf(app, userId, [roomNid])).get(roomNid) ?? [];
  const events = await app.caches.events.byNids(heroes.map(({ eventNid }) => eventNid));
  const [first, second] = heroes.map((hero) => textOf(events.get(hero.eventNid)?.content, "displayname") ?? hero.userId);
  if (first === undefined) return undefined;
  return others === 2 && second !== undefined ? `${first} and ${second}` : `${first} and ${others - 1} others`;
}
