import { invalidParam, notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import {
  deleteEventReport,
  deleteUserReport,
  getEventReport,
  getUserReport,
  listEventReports,
  listUserReports,
} from "../../storage/adminReports";
import type { EventReportFilter, ListedEventReport, ListedUserReport, ReportPage } from "../../storage/adminReports";
import type { App } from "../app";
import { nextPage } from "./nextPage";

type ReportsApp = Pick<App, "db">;
export type ReportListPage = ReportPage;

const noEventReport = () => notFound("Event report not found");
const noUserReport = () => notFound("User report not found");

function numberOf(id: string): number {
  const number = /^\d{1,15}$/.test(id) ? Number(id) : undefined;
  if (number === undefined) throw invalidParam("The report_id parameter must be a string representing a positive integer.");
  return number;
}

/** `GET /event_reports`. */
export async function readEventReports(app: ReportsApp, filter: EventReportFilter, page: ReportPage) {
  const { reports, total } = await listEventReports(app.db, filter, page);
  return { event_reports: reports, total, ...nextPage(page, reports.length, total, Number) };
}

/** `GET /event_reports/{id}`: with the event, as far as it is still here. */
export async function readEventReport(app: ReportsApp, id: string): Promise<ListedEventReport & { event_json: JsonObject | null }> {
  const found = await getEventReport(app.db, numberOf(id));
  if (!found) throw noEventReport();
  const { json, ...report } = found;
  return { ...report, event_json: json === null ? null : (JSON.parse(json) as JsonObject) };
}

export async function removeEventReport(app: ReportsApp, id: string): Promise<void> {
  if (!(await deleteEventReport(app.db, numberOf(id)))) throw noEventReport();
}

/** `GET /user_reports`. */
export async function readUserReports(app: ReportsApp, filter: Parameters<typeof listUserReports>[1], page: ReportPage) {
  const { reports, total } = await listUserReports(app.db, filter, page);
  return { user_reports: reports, total, ...nextPage(page, reports.length, total, Number) };
}

export async function readUserReport(app: ReportsApp, id: string): Promise<ListedUserReport> {
  const report = await getUserReport(app.db, numberOf(id));
  if (!report) throw noUserReport();
  return report;
}

export async function removeUserReport(app: ReportsApp, id: string): Promise<void> {
  if (!(await deleteUserReport(app.db, numberOf(id)))) throw noUserReport();
}
