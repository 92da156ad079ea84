import type { Answer } from "../../builders/client";
import { enc, joined, mentions, publicRoom, roomPath, say, syncAll } from "./step";
import type { Kinds, Step } from "./step";

const message = ({ w, roomId, word }: Step) =>
  w.alice.call("POST", roomPath(roomId, "send/m.room.message"), { msgtype: "m.text", body: word });
const state = ({ w, roomId, word }: Step) => w.alice.call("PUT", roomPath(roomId, "state/org.example.state/"), { word });
const relate = ({ w, roomId, word }: Step, eventId: string, relType: string) =>
  w.alice.call("POST", roomPath(roomId, "send/m.room.message"), {
    msgtype: "m.text",
    body: word,
    "m.new_content": { msgtype: "m.text", body: word },
    "m.relates_to": { rel_type: relType, event_id: eventId },
  });
const joinedRooms = (answer: Answer): readonly string[] => answer.body.joined_rooms;

/** Everything that is an event in a room. */
export const roomKinds: Kinds = {
  "a message, paging": (step) => ({
    write: () => message(step),
    read: () => step.r.bob.call("GET", roomPath(step.roomId, "messages?dir=b&limit=5")),
    shows: (answer) => mentions(answer, step.word),
  }),
  "a message, in a first sync": (step) => ({
    write: () => message(step),
    read: () => syncAll(step.r.bob),
    shows: (answer) => mentions(answer, step.word),
  }),
  "a message, in the next sync": async (step) => {
    const since = (await syncAll(step.r.bob)).body.next_batch;
    return {
      write: () => message(step),
      read: () => step.r.bob.call("GET", `/sync?timeout=0&since=${since}`),
      shows: (answer) => mentions(answer, step.word),
    };
  },
  "a message, in the next sliding sync": async (step) => {
    const lists = { all: { ranges: [[0, 9]], timeline_limit: 5, required_state: [] } };
    const path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
    const { pos } = await step.r.bob.ok("POST", path, { conn_id: step.word, lists });
    let position = pos;
    return {
      write: () => message(step),
      async read() {
        const answer = await step.r.bob.call("POST", `${path}?timeout=0&pos=${enc(position)}`, { conn_id: step.word, lists });
        position = answer.body.pos;
        return answer;
      },
      shows: (answer) => mentions(answer, step.word),
    };
  },
  "a message, by itself": (step) => ({
    write: () => message(step),
    read: (written) => step.r.bob.call("GET", roomPath(step.roomId, `event/${enc(written?.event_id ?? "$none")}`)),
    shows: (answer) => mentions(answer, step.word),
  }),
  "a message, in its surroundings": (step) => ({
    write: () => message(step),
    read: (written) => step.r.bob.call("GET", roomPath(step.roomId, `context/${enc(written?.event_id ?? "$none")}`)),
    shows: (answer) => mentions(answer, step.word),
  }),
  "a message, counted": async (step) => {
    const roomId = await publicRoom(step.w.alice, step.r.bob);
    return {
      write: () => message({ ...step, roomId }),
      read: () => syncAll(step.r.bob),
      shows: (answer) => joined(answer, roomId).unread_notifications.notification_count === 1,
    };
  },
  "a message, among the notifications": (step) => ({
    write: () => message(step),
    read: () => step.r.bob.call("GET", "/notifications?limit=5"),
    shows: (answer) => mentions(answer, step.word),
  }),
  "a message, in a search": (step) => ({
    write: () => message(step),
    read: () => step.r.bob.call("POST", "/search", { search_categories: { room_events: { search_term: step.word } } }),
    shows: ({ body }) => body.search_categories.room_events.count > 0,
  }),
  "a message, by its time": async (step) => {
    const roomId = await publicRoom(step.w.alice, step.r.bob);
    return {
      write: () => message({ ...step, roomId }),
      read: () => step.r.bob.call("GET", `/_matrix/client/v1/rooms/${enc(roomId)}/timestamp_to_event?dir=b&ts=${2 ** 52}`),
      shows: (answer, written) => answer.body.event_id === written?.event_id,
    };
  },
  "a transaction that is repeated": (step) => {
    const path = roomPath(step.roomId, `send/m.room.message/${step.word}`);
    const content = { msgtype: "m.text", body: step.word };
    return {
      write: () => step.w.alice.call("PUT", path, content),
      read: (written) => (written ? step.r.alice.call("PUT", path, content) : step.r.alice.call("GET", "/account/whoami")),
      shows: (answer, written) => written !== undefined && answer.body.event_id === written.event_id,
    };
  },
  "state, by its key": (step) => ({
    write: () => state(step),
    read: () => step.r.bob.call("GET", roomPath(step.roomId, "state/org.example.state/")),
    shows: (answer) => answer.body.word === step.word,
  }),
  "state, as a whole": (step) => ({
    write: () => state(step),
    read: () => step.r.bob.call("GET", roomPath(step.roomId, "state")),
    shows: (answer) => mentions(answer, step.word),
  }),
  "a name, in the summary": (step) => ({
    write: () => step.w.alice.call("PUT", roomPath(step.roomId, "state/m.room.name/"), { name: step.word }),
    read: () => step.r.bob.call("GET", `/_matrix/client/v1/room_summary/${enc(step.roomId)}`),
    shows: (answer) => answer.body.name === step.word,
  }),
  "a child of a space": async (step) => {
    const space = await step.w.alice.createRoom({ preset: "public_chat", creation_content: { type: "m.space" } });
    return {
      write: () => step.w.alice.call("PUT", roomPath(space, `state/m.space.child/${enc(step.roomId)}`), { via: ["test.local"] }),
      read: () => step.r.alice.call("GET", `/_matrix/client/v1/rooms/${enc(space)}/hierarchy`),
      shows: (answer) => answer.body.rooms.length === 2,
    };
  },
  "a redaction": async (step) => {
    const eventId = await say(step.w.alice, step.roomId, step.word);
    return {
      write: () => step.w.alice.call("PUT", roomPath(step.roomId, `redact/${enc(eventId)}/${step.word}`), {}),
      read: () => step.r.bob.call("GET", roomPath(step.roomId, `event/${enc(eventId)}`)),
      shows: (answer) => answer.status === 200 && !("body" in answer.body.content),
    };
  },
  "an edit, with its event": async (step) => {
    const eventId = await say(step.w.alice, step.roomId, "as it was");
    return {
      write: () => relate(step, eventId, "m.replace"),
      read: () => step.r.bob.call("GET", roomPath(step.roomId, `event/${enc(eventId)}`)),
      shows: (answer) => mentions(answer, step.word),
    };
  },
  "a thread, in the list": async (step) => {
    const eventId = await say(step.w.alice, step.roomId, "root");
    return {
      write: () => relate(step, eventId, "m.thread"),
      read: () => step.r.bob.call("GET", `/_matrix/client/v1/rooms/${enc(step.roomId)}/threads?limit=3`),
      shows: (answer) => mentions(answer, step.word),
    };
  },
  "a relation": async (step) => {
    const eventId = await say(step.w.alice, step.roomId, "root");
    return {
      write: () => relate(step, eventId, "m.reference"),
      read: () => step.r.bob.call("GET", `/_matrix/client/v1/rooms/${enc(step.roomId)}/relations/${enc(eventId)}`),
      shows: (answer) => mentions(answer, step.word),
    };
  },
  "a new room": (step) => ({
    write: () => step.w.alice.call("POST", "/createRoom", { name: step.word }),
    read: (written) => step.r.alice.call("GET", roomPath(written?.room_id ?? "!none", "state/m.room.name/")),
    shows: (answer) => answer.body.name === step.word,
  }),
  "a new room, in a sync": (step) => ({
    write: () => step.w.alice.call("POST", "/createRoom", { name: step.word }),
    read: () => syncAll(step.r.alice),
    shows: (answer) => mentions(answer, step.word),
  }),
  "a new room, written to": (step) => ({
    write: () => step.w.alice.call("POST", "/createRoom", {}),
    read: (written) => step.r.alice.call("POST", roomPath(written?.room_id ?? "!none", "send/m.room.message"), { body: "x" }),
    shows: ({ status }) => status === 200,
  }),
  "an upgrade": async (step) => {
    const roomId = await publicRoom(step.w.alice, step.r.bob);
    return {
      write: () => step.w.alice.call("POST", roomPath(roomId, "upgrade"), { new_version: "11" }),
      read: () => step.r.bob.call("GET", roomPath(roomId, "state/m.room.tombstone/")),
      shows: (answer, written) => answer.body.replacement_room === written?.replacement_room && answer.status === 200,
    };
  },
  "an upgrade, with the rooms joined": async (step) => {
    const roomId = await publicRoom(step.w.alice);
    return {
      write: () => step.w.alice.call("POST", roomPath(roomId, "upgrade"), { new_version: "11" }),
      read: () => step.r.alice.call("GET", "/joined_rooms"),
      shows: (answer, written) => joinedRooms(answer).includes(written?.replacement_room),
    };
  },
};
