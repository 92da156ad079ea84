import type { TestClient } from "../../builders/client";
import { enc, mentions, publicRoom, roomPath, syncAll } from "./step";
import type { Kinds } from "./step";

const join = (client: TestClient, roomId: string) => client.call("POST", `/join/${enc(roomId)}`, {});
const leave = (client: TestClient, roomId: string) => client.call("POST", roomPath(roomId, "leave"), {});
const send = (client: TestClient, roomId: string) => client.call("POST", roomPath(roomId, "send/m.room.message"), { body: "x" });
const inRoom = (client: TestClient, roomId: string) => ({
  read: () => client.call("GET", "/joined_rooms"),
  is: (answer: { readonly body: { readonly joined_rooms: readonly string[] } }): boolean => answer.body.joined_rooms.includes(roomId),
});

/** Who is where, and may do what. */
export const memberKinds: Kinds = {
  "a join": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice);
    const { read, is } = inRoom(r.bob, roomId);
    return { write: () => join(w.bob, roomId), read, shows: is };
  },
  "a join, to another member": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice);
    return {
      write: () => join(w.bob, roomId),
      read: () => r.alice.call("GET", roomPath(roomId, "joined_members")),
      shows: ({ body }) => w.bob.userId in body.joined,
    };
  },
  "a join, in a sync": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice);
    return {
      write: () => join(w.bob, roomId),
      read: () => syncAll(r.bob),
      shows: ({ body }) => roomId in (body.rooms?.join ?? {}),
    };
  },
  "a join, and then a message": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice);
    return { write: () => join(w.bob, roomId), read: () => send(r.bob, roomId), shows: ({ status }) => status === 200 };
  },
  "a join, and then typing": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice);
    return {
      write: () => join(w.bob, roomId),
      read: () => r.bob.call("PUT", roomPath(roomId, `typing/${enc(r.bob.userId)}`), { typing: true, timeout: 10_000 }),
      shows: ({ status }) => status === 200,
    };
  },
  leaving: async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    const { read, is } = inRoom(r.bob, roomId);
    return { write: () => leave(w.bob, roomId), read, shows: (answer) => !is(answer) };
  },
  forgetting: async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    await leave(w.bob, roomId);
    return {
      write: () => w.bob.call("POST", roomPath(roomId, "forget"), {}),
      read: () => r.bob.call("GET", roomPath(roomId, "messages?dir=b")),
      shows: ({ status }) => status === 403,
    };
  },
  "an invitation": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice);
    return {
      write: () => w.alice.call("POST", roomPath(roomId, "invite"), { user_id: w.bob.userId }),
      read: () => syncAll(r.bob),
      shows: ({ body }) => roomId in (body.rooms?.invite ?? {}),
    };
  },
  "an invitation that is accepted": async ({ w, r }) => {
    const roomId = await w.alice.createRoom({ preset: "private_chat" });
    return {
      write: () => w.alice.call("POST", roomPath(roomId, "invite"), { user_id: w.bob.userId }),
      read: () => join(r.bob, roomId),
      shows: ({ status }) => status === 200,
    };
  },
  "a knock": async ({ w, r }) => {
    const rules = { type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } };
    const roomId = await w.alice.createRoom({ initial_state: [rules] });
    return {
      write: () => w.bob.call("POST", `/knock/${enc(roomId)}`, {}),
      read: () => r.alice.call("GET", roomPath(roomId, "members?membership=knock")),
      shows: ({ body }) => body.chunk?.length === 1,
    };
  },
  "a ban, for who is banned": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    return {
      write: () => w.alice.call("POST", roomPath(roomId, "ban"), { user_id: w.bob.userId }),
      read: () => send(r.bob, roomId),
      shows: ({ status }) => status === 403,
    };
  },
  "a kick, for what may be read": async ({ w, r }) => {
    const roomId = await w.alice.createRoom({ preset: "private_chat", invite: [r.bob.userId] });
    await r.bob.join(roomId);
    return {
      write: () => w.alice.call("POST", roomPath(roomId, "kick"), { user_id: w.bob.userId }),
      read: () => r.bob.call("GET", roomPath(roomId, "joined_members")),
      shows: ({ status }) => status === 403,
    };
  },
  "a name": ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", `/profile/${enc(w.bob.userId)}/displayname`, { displayname: word }),
    read: () => r.alice.call("GET", `/profile/${enc(w.bob.userId)}`),
    shows: ({ body }) => body.displayname === word,
  }),
  "a room in common": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice);
    return {
      write: () => join(w.bob, roomId),
      read: () => r.alice.call("GET", `/_matrix/client/v1/mutual_rooms?user_id=${enc(w.bob.userId)}`),
      shows: (answer) => mentions(answer, roomId),
    };
  },
};
