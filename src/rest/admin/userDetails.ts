import { countInvites, countJoinedRooms } from "../../handlers/admin/userCounts";
import { changeFeatures, changeLimit, readFeatures, readLimit } from "../../handlers/admin/userActions";
import type { OwnLimit } from "../../handlers/admin/userActions";
import { readAccountDataOf, readMembershipsOf, readPushersOf, readRoomsOf } from "../../handlers/admin/users";
import { askAvailableAsAdmin } from "../../handlers/account/availability";
import { boolean, integer, object, optional, record, string } from "../../lib/schema";
import { group, route } from "../route";
import { count } from "./page";

const shownLimit = (limit: OwnLimit | undefined) =>
  limit ? { messages_per_second: limit.messagesPerSecond, burst_count: limit.burstCount } : {};

/** What else there is to know of an account, and to set of it. */
/** As the database holds it. */
const rate = integer({ minimum: 0, maximum: 2 ** 31 - 1 });

export const adminUserDetailRoutes = group("admin.userDetails", [
  route("GET /_synapse/admin/v1/users/:userId/joined_rooms", {
    servlet: "UserJoinedRoomsRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readRoomsOf(app, params.userId),
  }),
  route("GET /_synapse/admin/v1/users/:userId/memberships", {
    servlet: "UserMembershipRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readMembershipsOf(app, params.userId),
  }),
  route("GET /_synapse/admin/v1/users/:userId/sent_invite_count", {
    servlet: "UserInvitesCount",
    auth: "admin",
    query: object({ from_ts: count }),
    handle: async ({ app, params, query }) => ({ invite_count: await countInvites(app, params.userId, query.from_ts) }),
  }),
  route("GET /_synapse/admin/v1/users/:userId/cumulative_joined_room_count", {
    servlet: "UserJoinedRoomCount",
    auth: "admin",
    query: object({ from_ts: count }),
    handle: async ({ app, params, query }) => ({ cumulative_joined_room_count: await countJoinedRooms(app, params.userId, query.from_ts) }),
  }),
  route("GET /_synapse/admin/v1/users/:userId/accountdata", {
    servlet: "AccountDataRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readAccountDataOf(app, params.userId),
  }),
  route("GET /_synapse/admin/v1/users/:userId/pushers", {
    servlet: "PushersRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readPushersOf(app, params.userId),
  }),
  route("GET /_synapse/admin/v1/users/:userId/override_ratelimit", {
    servlet: "RateLimitRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => shownLimit(await readLimit(app, params.userId)),
  }),
  route("POST /_synapse/admin/v1/users/:userId/override_ratelimit", {
    servlet: "RateLimitRestServlet",
    auth: "admin",
    body: object({ messages_per_second: optional(rate), burst_count: optional(rate) }),
    handle: async ({ app, params, body }) => {
      const limit = { messagesPerSecond: body.messages_per_second ?? 0, burstCount: body.burst_count ?? 0 };
      await changeLimit(app, params.userId, limit);
      return shownLimit(limit);
    },
  }),
  route("DELETE /_synapse/admin/v1/users/:userId/override_ratelimit", {
    servlet: "RateLimitRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await changeLimit(app, params.userId, undefined);
      return {};
    },
  }),
  route("GET /_synapse/admin/v1/experimental_features/:userId", {
    servlet: "ExperimentalFeaturesRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => ({ features: await readFeatures(app, params.userId) }),
  }),
  route("PUT /_synapse/admin/v1/experimental_features/:userId", {
    servlet: "ExperimentalFeaturesRestServlet",
    auth: "admin",
    body: object({ features: record(boolean()) }),
    handle: async ({ app, params, body }) => {
      await changeFeatures(app, params.userId, body.features);
      return {};
    },
  }),
  route("GET /_synapse/admin/v1/username_available", {
    servlet: "UsernameAvailableRestServlet",
    auth: "admin",
    query: object({ username: string() }),
    handle: async ({ app, query }) => {
      await askAvailableAsAdmin(app, query.username);
      return { available: true };
    },
  }),
]);
