import { reportEvent, reportRoom, reportUser } from "../../handlers/rooms/reports";
import { integer, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const MAX_SCORE = 2 ** 31 - 1;
const reasonBody = object({ reason: string() });

export const reportRoutes = group("client.reports", [
  route("POST /_matrix/client/v3/rooms/:roomId/report/:eventId", {
    servlet: "ReportEventRestServlet",
    aliases: ["r0", "unstable"],
    auth: "user",
    body: object({ reason: optional(string()), score: optional(integer({ minimum: -MAX_SCORE, maximum: MAX_SCORE })) }),
    handle: async ({ app, requester, params, body }) => {
      await reportEvent(app, requester, { ...params, reason: body.reason, score: body.score });
      return {};
    },
  }),
  route("POST /_matrix/client/v3/rooms/:roomId/report", {
    servlet: "ReportRoomRestServlet",
    aliases: ["unstable/org.matrix.msc4151"],
    auth: "user",
    body: reasonBody,
    handle: async ({ app, requester, params, body }) => {
      await reportRoom(app, requester, params.roomId, body.reason);
      return {};
    },
  }),
  route("POST /_matrix/client/v3/users/:userId/report", {
    servlet: "ReportUserRestServlet",
    aliases: ["unstable/org.matrix.msc4260"],
    auth: "user",
    body: reasonBody,
    handle: async ({ app, requester, params, body }) => {
      await reportUser(app, requester, params.userId, body.reason);
      return {};
    },
  }),
]);
