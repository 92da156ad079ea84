import { isDeepStrictEqual } from "node:util";
import type { Body, TestClient } from "../builders/client";
import { eventually } from "../builders/eventually";
import type { HomeServer } from "./pair";

export const enc = encodeURIComponent;
export const roomPath = (roomId: string): string => `/rooms/${enc(roomId)}`;

/** Joins a room or alias through a server; also as Synapse calls the parameter. */
export async function joinVia({ name }: Pick<HomeServer, "name">, client: TestClient, roomOrAlias: string): Promise<void> {
  await client.ok("POST", `/join/${enc(roomOrAlias)}?via=${name}&server_name=${name}`, {});
}

export const setState = async (client: TestClient, roomId: string, type: string, content: object, stateKey = ""): Promise<string> =>
  (await client.ok("PUT", `${roomPath(roomId)}/state/${type}/${enc(stateKey)}`, content)).event_id;

/** Waits until somebody has a membership in the timeline or state of a room that the client is in. */
export async function seesMember(client: TestClient, roomId: string, userId: string, membership: string): Promise<Body> {
  return client.until((sync) => {
    const room = sync.rooms?.join?.[roomId];
    const events: Body[] = [...(room?.state?.events ?? []), ...(room?.timeline?.events ?? [])];
    return events.find(
      ({ type, state_key: key, content }) => type === "m.room.member" && key === userId && content.membership === membership,
    );
  });
}

/** The current state as a member is told it: event ids by type and state key. */
async function stateOf(client: TestClient, roomId: string): Promise<Record<string, string>> {
  const events: Body[] = await client.ok("GET", `${roomPath(roomId)}/state`);
  return Object.fromEntries(events.map((event) => [`${event.type} ${event.state_key}`, event.event_id]).sort());
}

/** Waits until both servers say the same of the room's state, all of it, and gives it: event ids by type and state key. */
export async function sameState(one: TestClient, other: TestClient, roomId: string): Promise<Record<string, string>> {
  let states: Record<string, string>[] = [];
  try {
    await eventually(async () => {
      states = await Promise.all([stateOf(one, roomId), stateOf(other, roomId)]);
      return isDeepStrictEqual(states[0], states[1]);
    });
  } catch {
    expect(states[0]).toEqual(states[1]);
  }
  return states[0] ?? {};
}

/** Two people and a room of the first, which both are in. */
export async function shareRoom(home: HomeServer, away: HomeServer, options: object = {}): Promise<[TestClient, TestClient, string]> {
  const [alice, bob] = [await home.user("alice"), await away.user("bob")];
  const roomId = await alice.createRoom({ preset: "public_chat", ...options });
  await joinVia(home, bob, roomId);
  await seesMember(alice, roomId, bob.userId, "join");
  return [alice, bob, roomId];
}
