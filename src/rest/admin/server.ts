import { readDestination, readDestinations, readRoomsOfDestination, resetConnection } from "../../handlers/admin/destinations";
import { largestRooms } from "../../handlers/admin/statistics";
import { renewAccount } from "../../handlers/admin/accountValidity";
import { enableUpdates, readUpdates, startUpdate, updatesEnabled } from "../../handlers/admin/backgroundUpdates";
import { readTasks } from "../../handlers/admin/scheduledTasks";
import { COMPATIBLE_VERSION } from "../../lib/version";
import { boolean, integer, maybe, object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";
import { count } from "./page";

const DEFAULT_LIMIT = 100;

export const adminFederationRoutes = group("admin.federation", [
  route("GET /_synapse/admin/v1/federation/destinations", {
    servlet: "ListDestinationsRestServlet",
    auth: "admin",
    query: object({
      from: optional(count),
      limit: optional(count),
      destination: optional(string()),
      order_by: optional(oneOf("destination", "retry_last_ts", "retry_interval", "failure_ts", "last_successful_stream_ordering")),
      dir: optional(oneOf("b", "f")),
    }),
    handle: ({ app, query }) =>
      readDestinations(app, query.destination, {
        from: query.from ?? 0,
        limit: query.limit ?? DEFAULT_LIMIT,
        orderBy: query.order_by ?? "destination",
        dir: query.dir ?? "f",
      }),
  }),
  route("GET /_synapse/admin/v1/federation/destinations/:destination", {
    servlet: "DestinationRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readDestination(app, params.destination),
  }),
  route("GET /_synapse/admin/v1/federation/destinations/:destination/rooms", {
    servlet: "DestinationMembershipRestServlet",
    auth: "admin",
    query: object({ from: optional(count), limit: optional(count), dir: optional(oneOf("b", "f")) }),
    handle: ({ app, params, query }) =>
      readRoomsOfDestination(app, params.destination, {
        from: query.from ?? 0,
        limit: query.limit ?? DEFAULT_LIMIT,
        dir: query.dir ?? "f",
      }),
  }),
  route("POST /_synapse/admin/v1/federation/destinations/:destination/reset_connection", {
    servlet: "DestinationResetConnectionRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await resetConnection(app, params.destination);
      return {};
    },
  }),
]);

export const backgroundUpdateRoutes = group("admin.backgroundUpdates", [
  route("GET /_synapse/admin/v1/background_updates/status", {
    servlet: "BackgroundUpdateRestServlet",
    auth: "admin",
    handle: ({ app }) => readUpdates(app),
  }),
  route("GET /_synapse/admin/v1/background_updates/enabled", {
    servlet: "BackgroundUpdateEnabledRestServlet",
    auth: "admin",
    handle: async ({ app }) => ({ enabled: await updatesEnabled(app) }),
  }),
  route("POST /_synapse/admin/v1/background_updates/enabled", {
    servlet: "BackgroundUpdateEnabledRestServlet",
    auth: "admin",
    body: object({ enabled: optional(boolean()) }),
    // On, unless it says otherwise.
    handle: async ({ app, body: { enabled = true } }) => {
      await enableUpdates(app, enabled);
      return { enabled };
    },
  }),
  route("POST /_synapse/admin/v1/background_updates/start_job", {
    servlet: "BackgroundUpdateStartJobRestServlet",
    auth: "admin",
    body: object({ job_name: string() }),
    handle: async ({ app, body }) => {
      await startUpdate(app, body.job_name);
      return {};
    },
  }),
]);

export const adminServerRoutes = group("admin.server", [
  // Whoever asks for it: tools look before they log in.
  route("GET /_synapse/admin/v1/server_version", {
    servlet: "VersionServlet",
    auth: "none",
    handle: () => ({ server_version: COMPATIBLE_VERSION }),
  }),
  route("GET /_synapse/admin/v1/statistics/database/rooms", {
    servlet: "LargestRoomsStatistics",
    auth: "admin",
    handle: async ({ app }) => ({ rooms: await largestRooms(app) }),
  }),
  route("GET /_synapse/admin/v1/scheduled_tasks", {
    servlet: "ScheduledTasksRestServlet",
    auth: "admin",
    query: object({
      action_name: optional(string()),
      resource_id: optional(string()),
      job_status: optional(oneOf("scheduled", "active", "complete", "failed", "cancelled")),
      max_timestamp: optional(count),
    }),
    handle: async ({ app, query }) => ({
      scheduled_tasks: await readTasks(app, {
        action: query.action_name,
        resourceId: query.resource_id,
        status: query.job_status,
        until: query.max_timestamp,
      }),
    }),
  }),
  route("POST /_synapse/admin/v1/account_validity/validity", {
    servlet: "AccountValidityRenewServlet",
    auth: "admin",
    body: object({ user_id: string(), expiration_ts: maybe(integer()), enable_renewal_emails: maybe(boolean()) }),
    handle: async ({ app, body }) => ({ expiration_ts: await renewAccount(app, body.user_id, body.expiration_ts ?? undefined) }),
  }),
]);
