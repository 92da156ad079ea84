import {
  readEventReport,
  readEventReports,
  readUserReport,
  readUserReports,
  removeEventReport,
  removeUserReport,
} from "../../handlers/admin/reports";
import type { ReportListPage } from "../../handlers/admin/reports";
import { object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";
import { count } from "./page";

const page = { from: optional(count), limit: optional(count), dir: optional(oneOf("b", "f")) };

/** Newest first unless asked otherwise. */
const pageOf = (query: Partial<ReportListPage>): ReportListPage => ({
  from: query.from ?? 0,
  limit: query.limit ?? 100,
  dir: query.dir ?? "b",
});

export const adminReportRoutes = group("admin.reports", [
  route("GET /_synapse/admin/v1/event_reports", {
    servlet: "EventReportsRestServlet",
    auth: "admin",
    query: object({ ...page, user_id: optional(string()), room_id: optional(string()), event_sender_user_id: optional(string()) }),
    handle: ({ app, query }) =>
      readEventReports(app, { userId: query.user_id, roomId: query.room_id, sender: query.event_sender_user_id }, pageOf(query)),
  }),
  route("GET /_synapse/admin/v1/event_reports/:reportId", {
    servlet: "EventReportDetailRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readEventReport(app, params.reportId),
  }),
  route("DELETE /_synapse/admin/v1/event_reports/:reportId", {
    servlet: "EventReportDetailRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await removeEventReport(app, params.reportId);
      return {};
    },
  }),
  route("GET /_synapse/admin/v1/user_reports", {
    servlet: "UserReportsRestServlet",
    auth: "admin",
    query: object({ ...page, user_id: optional(string()), target_user_id: optional(string()) }),
    handle: ({ app, query }) => readUserReports(app, { userId: query.user_id, target: query.target_user_id }, pageOf(query)),
  }),
  route("GET /_synapse/admin/v1/user_reports/:reportId", {
    servlet: "UserReportDetailRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readUserReport(app, params.reportId),
  }),
  route("DELETE /_synapse/admin/v1/user_reports/:reportId", {
    servlet: "UserReportDetailRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await removeUserReport(app, params.reportId);
      return {};
    },
  }),
]);
