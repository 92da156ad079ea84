import { readMutualRooms } from "../../handlers/rooms/mutualRooms";
import { object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

export const mutualRoomRoutes = group("client.mutualRooms", [
  route("GET /_matrix/client/v1/mutual_rooms", {
    servlet: "UserMutualRoomsServlet",
    aliases: ["unstable", "unstable/uk.half-shot.msc2666/user"],
    auth: "user",
    query: object({ user_id: string(), from: optional(string()), batch_token: optional(string()) }),
    handle: ({ app, requester, query }) => readMutualRooms(app, requester, query.user_id, query.from ?? query.batch_token),
  }),
]);
