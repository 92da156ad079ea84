import type { Answer, Body, TestClient } from "../../builders/client";

export const enc = encodeURIComponent;

/** The same people at one process. */
export interface Side {
  readonly url: string;
  readonly admin: TestClient;
  readonly alice: TestClient;
  readonly bob: TestClient;
}

/** What one attempt has to work with. */
export interface Step {
  /** Where is written. */
  readonly w: Side;
  /** Where is read. */
  readonly r: Side;
  /** A room of Alice and Bob, who both may do everything there. */
  readonly roomId: string;
  /** Differs in each step. */
  readonly word: string;
}

/** A write and a read that has to show it. */
export interface Plan {
  write(): Promise<Answer>;
  /** Given what the write answered; undefined where it is asked before, so that what it needs is in the memory of its process. */
  read(written: Body | undefined): Promise<Answer>;
  /** Whether an answer to the read shows the write. `written` as in read. It must not show before. */
  shows(answer: Answer, written: Body | undefined): boolean;
}

/** Prepares whatever the write changes; all processes know of it before the plan begins. */
export type Kind = (step: Step) => Plan | Promise<Plan>;
export type Kinds = Readonly<Record<string, Kind>>;

export const roomPath = (roomId: string, rest: string): string => `/rooms/${enc(roomId)}/${rest}`;
export const userPath = (client: TestClient, rest: string): string => `/user/${enc(client.userId)}/${rest}`;

/** A sync of all there is, with room for what the tests of one room leave there. */
export function syncAll(client: TestClient, filter: object = {}): Promise<Answer> {
  const room = { timeline: { limit: 5 }, state: { lazy_load_members: true } };
  return client.call("GET", `/sync?timeout=0&filter=${enc(JSON.stringify({ room, ...filter }))}`);
}

/** The part of a sync about a joined room. */
export const joined = ({ body }: Answer, roomId: string): Body => body.rooms?.join?.[roomId];
/** Whether anywhere in an answer there is this word. */
export const mentions = ({ body }: Answer, word: string): boolean => JSON.stringify(body).includes(word);

/** Says something as part of the preparations. */
export async function say(client: TestClient, roomId: string, body: string): Promise<string> {
  return (await client.ok("POST", roomPath(roomId, "send/m.room.message"), { msgtype: "m.text", body })).event_id;
}

export async function publicRoom(owner: TestClient, ...members: readonly TestClient[]): Promise<string> {
  const roomId = await owner.createRoom({ preset: "public_chat" });
  for (const member of members) await member.join(roomId);
  return roomId;
}
