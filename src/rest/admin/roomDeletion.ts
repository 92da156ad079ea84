import { readBlocked, setBlocked } from "../../handlers/admin/blockRooms";
import { deleteAndWait, deletion, deletionsOf, startDelete } from "../../handlers/admin/deleteRoom";
import type { DeleteRequest } from "../../handlers/admin/deleteRoom";
import { boolean, object, optional, string } from "../../lib/schema";
import type { Infer } from "../../lib/schema";
import { group, route } from "../route";

const wishes = object({
  new_room_user_id: optional(string()),
  room_name: optional(string()),
  message: optional(string()),
  block: optional(boolean()),
  purge: optional(boolean()),
  force_purge: optional(boolean()),
});
const body = optional(wishes);
const oldBody = object({ new_room_user_id: string(), room_name: optional(string()), message: optional(string()) });

const requestOf = (roomId: string, given: Infer<typeof body> = {}): DeleteRequest => ({
  roomId,
  newRoomUserId: given.new_room_user_id,
  roomName: given.room_name,
  message: given.message,
  block: given.block ?? false,
  purge: given.purge ?? true,
  force: given.force_purge ?? false,
  evict: true,
});

export const roomDeletionRoutes = group("admin.deletion", [
  route("DELETE /_synapse/admin/v1/rooms/:roomId", {
    servlet: "RoomRestServlet",
    auth: "admin",
    body,
    handle: ({ app, requester, params, body: given }) => deleteAndWait(app, requester, requestOf(params.roomId, given)),
  }),
  route("POST /_synapse/admin/v1/rooms/:roomId/delete", {
    servlet: "DeleteRoomRestServlet",
    auth: "admin",
    body,
    handle: ({ app, requester, params, body: given }) => deleteAndWait(app, requester, requestOf(params.roomId, given)),
  }),
  route("POST /_synapse/admin/v1/shutdown_room/:roomId", {
    servlet: "ShutdownRoomRestServlet",
    auth: "admin",
    body: oldBody,
    handle: ({ app, requester, params, body: given }) =>
      deleteAndWait(app, requester, { ...requestOf(params.roomId, given), block: true, purge: false }),
  }),
  route("POST /_synapse/admin/v1/purge_room", {
    servlet: "PurgeRoomServlet",
    auth: "admin",
    body: object({ room_id: string() }),
    handle: async ({ app, requester, body: given }) => {
      await deleteAndWait(app, requester, { ...requestOf(given.room_id), evict: false });
      return {};
    },
  }),
  route("DELETE /_synapse/admin/v2/rooms/:roomId", {
    servlet: "RoomRestV2Servlet",
    auth: "admin",
    body,
    handle: async ({ app, requester, params, body: given }) => ({
      delete_id: await startDelete(app, requester, requestOf(params.roomId, given)),
    }),
  }),
  route("GET /_synapse/admin/v2/rooms/:roomId/delete_status", {
    servlet: "DeleteRoomStatusByRoomIdRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => ({ results: await deletionsOf(app, params.roomId) }),
  }),
  route("GET /_synapse/admin/v2/rooms/delete_status/:deleteId", {
    servlet: "DeleteRoomStatusByDeleteIdRestServlet",
    auth: "admin",
    handle: ({ app, params }) => deletion(app, params.deleteId),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomId/block", {
    servlet: "BlockRoomRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readBlocked(app, params.roomId),
  }),
  route("PUT /_synapse/admin/v1/rooms/:roomId/block", {
    servlet: "BlockRoomRestServlet",
    auth: "admin",
    body: object({ block: boolean() }),
    handle: async ({ app, requester, params, body: { block } }) => {
      await setBlocked(app, requester, params.roomId, block);
      return { block };
    },
  }),
]);
