import type { Body, TestClient } from "../../builders/client";
import { enc, joined, mentions, publicRoom, roomPath, say, syncAll, userPath } from "./step";
import type { Kinds } from "./step";

const ephemeral = (room: Body, type: string): Body => room?.ephemeral?.events.find((event: Body) => event.type === type);
const typing = (client: TestClient, roomId: string) =>
  client.call("PUT", roomPath(roomId, `typing/${enc(client.userId)}`), { typing: true, timeout: 60_000 });

/** What people keep for themselves, and the small facts about them that others see. */
export const userDataKinds: Kinds = {
  "account data": ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", userPath(w.bob, "account_data/org.example"), { word }),
    read: () => r.bob.call("GET", userPath(w.bob, "account_data/org.example")),
    shows: ({ body }) => body.word === word,
  }),
  "account data, in a sync": ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", userPath(w.bob, "account_data/org.example.sync"), { word }),
    read: () => syncAll(r.bob),
    shows: (answer) => mentions({ ...answer, body: answer.body.account_data }, word),
  }),
  "account data of a room": ({ w, r, roomId, word }) => ({
    write: () => w.bob.call("PUT", userPath(w.bob, `rooms/${enc(roomId)}/account_data/org.example`), { word }),
    read: () => syncAll(r.bob),
    shows: (answer) => JSON.stringify(joined(answer, roomId).account_data).includes(word),
  }),
  "a tag": ({ w, r, roomId, word }) => ({
    write: () => w.bob.call("PUT", userPath(w.bob, `rooms/${enc(roomId)}/tags/u.${word}`), {}),
    read: () => r.bob.call("GET", userPath(w.bob, `rooms/${enc(roomId)}/tags`)),
    shows: (answer) => mentions(answer, word),
  }),
  "ignoring somebody": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    await say(w.alice, roomId, "not to be heard");
    const ignore = (users: object) => w.bob.call("PUT", userPath(w.bob, "account_data/m.ignored_user_list"), { ignored_users: users });
    return {
      write: () => ignore({ [w.alice.userId]: {} }),
      async read(written) {
        const answer = await r.bob.call("GET", roomPath(roomId, "messages?dir=b&limit=3"));
        if (written) await ignore({});
        return answer;
      },
      shows: (answer) => !mentions(answer, "not to be heard"),
    };
  },
  "a filter": ({ w, r, word }) => ({
    write: () => w.bob.call("POST", userPath(w.bob, "filter"), { room: { rooms: [`!${word}:test.local`] } }),
    read: (written) => r.bob.call("GET", userPath(w.bob, `filter/${written?.filter_id ?? "999"}`)),
    shows: (answer) => mentions(answer, word),
  }),
  "a receipt, to others": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    const eventId = await say(w.alice, roomId, "read me");
    return {
      write: () => w.bob.call("POST", roomPath(roomId, `receipt/m.read/${enc(eventId)}`), {}),
      read: () => syncAll(r.alice),
      shows: (answer) => JSON.stringify(ephemeral(joined(answer, roomId), "m.receipt") ?? {}).includes(w.bob.userId),
    };
  },
  "a receipt, in the count": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    const eventId = await say(w.alice, roomId, "read me");
    return {
      write: () => w.bob.call("POST", roomPath(roomId, `receipt/m.read.private/${enc(eventId)}`), {}),
      read: () => syncAll(r.bob),
      shows: (answer) => joined(answer, roomId).unread_notifications.notification_count === 0,
    };
  },
  "a marker of what is read": async ({ w, r, roomId }) => {
    const eventId = await say(w.alice, roomId, "read me");
    return {
      write: () => w.bob.call("POST", roomPath(roomId, "read_markers"), { "m.fully_read": eventId }),
      read: () => r.bob.call("GET", userPath(w.bob, `rooms/${enc(roomId)}/account_data/m.fully_read`)),
      shows: ({ body }) => body.event_id === eventId,
    };
  },
  typing: async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    return {
      write: () => typing(w.bob, roomId),
      read: () => syncAll(r.alice),
      shows: (answer) => ephemeral(joined(answer, roomId), "m.typing")?.content.user_ids.length === 1,
    };
  },
  "typing that ends": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    await typing(w.bob, roomId);
    return {
      write: () => w.bob.call("PUT", roomPath(roomId, `typing/${enc(w.bob.userId)}`), { typing: false }),
      read: () => syncAll(r.alice),
      shows: (answer) => (ephemeral(joined(answer, roomId), "m.typing")?.content.user_ids ?? []).length === 0,
    };
  },
  presence: ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", `/presence/${enc(w.bob.userId)}/status`, { presence: "online", status_msg: word }),
    read: () => r.alice.call("GET", `/presence/${enc(w.bob.userId)}/status`),
    shows: ({ body }) => body.status_msg === word,
  }),
  "presence, in a sync": ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", `/presence/${enc(w.bob.userId)}/status`, { presence: "online", status_msg: word }),
    read: () => syncAll(r.alice),
    shows: (answer) => mentions({ ...answer, body: answer.body.presence ?? {} }, word),
  }),
  "a push rule": ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", `/pushrules/global/content/${word}`, { pattern: word, actions: ["notify"] }),
    read: () => r.bob.call("GET", "/pushrules/global/"),
    shows: (answer) => mentions(answer, word),
  }),
  "a push rule, in a sync": ({ w, r, word }) => ({
    write: () => w.bob.call("PUT", `/pushrules/global/content/${word}`, { pattern: word, actions: ["notify"] }),
    read: () => syncAll(r.bob),
    shows: (answer) => mentions({ ...answer, body: answer.body.account_data }, word),
  }),
  "a push rule, at work": async ({ w, r }) => {
    const roomId = await publicRoom(w.alice, r.bob);
    const count = async (): Promise<number> => joined(await syncAll(r.bob), roomId).unread_notifications.notification_count;
    let before = 0;
    return {
      write: () => w.bob.call("PUT", `/pushrules/global/room/${enc(roomId)}`, { actions: [] }),
      async read() {
        before = await count();
        await say(r.alice, roomId, "quiet now");
        return syncAll(r.bob);
      },
      shows: (answer) => joined(answer, roomId).unread_notifications.notification_count === before,
    };
  },
  "a pusher": ({ w, r, word }) => ({
    write: () =>
      w.bob.call("POST", "/pushers/set", {
        pushkey: word,
        kind: "http",
        app_id: "org.example",
        app_display_name: "Example",
        device_display_name: "Phone",
        lang: "en",
        data: { url: "http://127.0.0.1:9/_matrix/push/v1/notify" },
      }),
    read: () => r.bob.call("GET", "/pushers"),
    shows: (answer) => mentions(answer, word),
  }),
  "an alias": ({ w, r, roomId, word }) => ({
    write: () => w.alice.call("PUT", `/directory/room/${enc(`#${word}:test.local`)}`, { room_id: roomId }),
    read: () => r.bob.call("GET", `/directory/room/${enc(`#${word}:test.local`)}`),
    shows: ({ body }) => body.room_id === roomId,
  }),
  "an alias, with the room": ({ w, r, roomId, word }) => ({
    write: () => w.alice.call("PUT", `/directory/room/${enc(`#${word}:test.local`)}`, { room_id: roomId }),
    read: () => r.bob.call("GET", roomPath(roomId, "aliases")),
    shows: (answer) => mentions(answer, word),
  }),
  "an alias that goes": async ({ w, r, roomId, word }) => {
    const path = `/directory/room/${enc(`#${word}:test.local`)}`;
    await w.alice.ok("PUT", path, { room_id: roomId });
    return {
      write: () => w.alice.call("DELETE", path),
      read: () => r.bob.call("GET", path),
      shows: ({ status }) => status === 404,
    };
  },
  "a room that is published": async ({ w, r, word }) => {
    const roomId = await w.alice.createRoom({ preset: "public_chat", name: word });
    return {
      write: () => w.alice.call("PUT", `/directory/list/room/${enc(roomId)}`, { visibility: "public" }),
      read: () => r.bob.call("POST", "/publicRooms", { filter: { generic_search_term: word } }),
      shows: (answer) => mentions(answer, roomId),
    };
  },
  "a file": ({ w, r, word }) => ({
    write: () => w.bob.call("POST", "/_matrix/media/v3/upload", { word }),
    read: (written) =>
      r.alice.call("GET", `/_matrix/client/v1/media/download/${written?.content_uri.slice("mxc://".length) ?? "test.local/none"}`),
    shows: ({ body }) => body.word === word,
  }),
};
