import { type JsonObject, own } from "../../lib/json";
import { type RoomEvent, type StateLookup, type Verdict, allow, reject } from "../event";
import { stateKeyOf } from "../state/stateMap";
import type { RoomVersion } from "../versions";
import { signedPart } from "./thirdParty";

/** The part of an event, or of one to be, that decides which auth events it has. */
export interface AuthSubject {
  readonly type: string;
  readonly stateKey: string | undefined;
  readonly sender: string;
  readonly content: JsonObject;
}

/** The state that an event must cite as far as it exists (specification: server-server API, "Auth events selection"). */
export function authEventKeys(version: RoomVersion, subject: AuthSubject): [type: string, stateKey: string][] {
  if (subject.type === "m.room.create") return [];
  const keys: [string, string][] = [
    ["m.room.power_levels", ""],
    ["m.room.member", subject.sender],
  ];
  // v12: the room id stands for it.
  if (version.auth.createInAuthEvents) keys.unshift(["m.room.create", ""]);
  return subject.type === "m.room.member" ? [...keys, ...memberKeys(version, subject)] : keys;
}

function memberKeys(version: RoomVersion, { sender, stateKey, content }: AuthSubject): [string, string][] {
  const keys: [string, string][] = [];
  if (stateKey !== undefined && stateKey !== sender) keys.push(["m.room.member", stateKey]);
  const membership = own(content, "membership");
  if (membership === "join" || membership === "invite" || membership === "knock") keys.push(["m.room.join_rules", ""]);
  if (membership === "invite") {
    const signed = signedPart(content);
    const token = signed && own(signed, "token");
    if (typeof token === "string") keys.push(["m.room.third_party_invite", token]);
  }
  const via = own(content, "join_authorised_via_users_server");
  if (version.auth.restrictedJoins && membership === "join" && typeof via === "string" && via !== sender && via !== stateKey) {
    keys.push(["m.room.member", via]);
  }
  return keys;
}

/** An event that another one cites, and whether this server rejected it. */
export interface CitedEvent {
  readonly event: RoomEvent;
  readonly rejected: boolean;
}

/** The rules about `auth_events` themselves. All cited events must be at hand. */
export function checkAuthEvents(version: RoomVersion, event: RoomEvent, cited: readonly CitedEvent[]): Verdict {
  if (event.type === "m.room.create") return allow;
  const wanted = new Set(authEventKeys(version, event).map(([type, stateKey]) => stateKeyOf(type, stateKey)));
  const seen = new Set<string>();
  for (const { event: auth, rejected } of cited) {
    if (auth.stateKey === undefined) return reject("auth events: cites an event that is not state");
    const key = stateKeyOf(auth.type, auth.stateKey);
    if (seen.has(key)) return reject(`auth events: two of ${auth.type}`);
    if (!wanted.has(key)) return reject(`auth events: ${auth.type} has no place there`);
    if (rejected) return reject(`auth events: cites ${auth.eventId}, which was rejected`);
    if (auth.roomId !== event.roomId) return reject(`auth events: cites ${auth.eventId} of another room`);
    seen.add(key);
  }
  if (version.auth.createInAuthEvents && !seen.has(stateKeyOf("m.room.create", ""))) return reject("auth events: no create event");
  return allow;
}

/** A state made of these events alone, such as an event's auth events (in version 12 together with the create event). Later ones win. */
export function lookupOf(events: Iterable<RoomEvent>): StateLookup {
  const state = new Map<string, RoomEvent>();
  for (const event of events) if (event.stateKey !== undefined) state.set(stateKeyOf(event.type, event.stateKey), event);
  return (type, stateKey) => state.get(stateKeyOf(type, stateKey));
}
