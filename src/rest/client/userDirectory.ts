import { searchUsers } from "../../handlers/userDirectory/search";
import { integer, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

export const userDirectoryRoutes = group("client.userDirectory", [
  route("POST /_matrix/client/v3/user_directory/search", {
    readOnly: true,
    servlet: "UserDirectorySearchRestServlet",
    aliases: ["r0", "unstable"],
    auth: "user",
    body: object({ search_term: string(), limit: optional(integer()) }),
    handle: ({ app, requester, body }) => searchUsers(app, requester, { term: body.search_term, limit: body.limit }),
  }),
]);
