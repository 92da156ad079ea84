import { allowNewKeys, deactivate, isAdmin, loginAs, resetPassword, setAdmin, shadowBan, suspend } from "../../handlers/admin/userActions";
import { putUser } from "../../handlers/admin/modifyUser";
import { findUser, readUser, readUsers } from "../../handlers/admin/users";
import type { UserListFilter, UserListOrder, UserListPage } from "../../handlers/admin/users";
import { anyObject, array, boolean, booleanText, integer, maybe, object, oneOf, optional, string } from "../../lib/schema";
import type { Infer } from "../../lib/schema";
import { reply } from "../reply";
import { group, route } from "../route";
import { count } from "./page";

const orders = [
  "name",
  "displayname",
  "is_guest",
  "admin",
  "deactivated",
  "user_type",
  "avatar_url",
  "shadow_banned",
  "creation_ts",
  "last_seen_ts",
  "locked",
] as const satisfies readonly UserListOrder[];

const listQuery = object({
  from: optional(count),
  limit: optional(count),
  user_id: optional(string()),
  name: optional(string()),
  guests: optional(booleanText()),
  admins: optional(booleanText()),
  deactivated: optional(booleanText()),
  locked: optional(booleanText()),
  approved: optional(booleanText()),
  not_user_type: array(string()),
  order_by: optional(oneOf(...orders)),
  dir: optional(oneOf("b", "f")),
});
type ListQuery = Infer<typeof listQuery>;

const filterOf = (query: ListQuery, deactivated: boolean | undefined): UserListFilter => ({
  name: query.name,
  userId: query.name === undefined ? query.user_id : undefined,
  isGuest: query.guests === false ? false : undefined,
  isAdmin: query.admins,
  isDeactivated: deactivated,
  isLocked: query.locked ? undefined : false,
  isApproved: query.approved === false ? false : undefined,
  exceptTypes: query.not_user_type,
});

const pageOf = ({ from = 0, limit = 100, order_by: orderBy = "name", dir = "f" }: ListQuery): UserListPage => ({
  from,
  limit,
  orderBy,
  dir,
});

export const adminUserRoutes = group("admin.users", [
  route("GET /_synapse/admin/v2/users", {
    servlet: "UsersRestServletV2",
    auth: "admin",
    query: listQuery,
    handle: ({ app, query }) => readUsers(app, filterOf(query, query.deactivated ? undefined : false), pageOf(query)),
  }),
  route("GET /_synapse/admin/v3/users", {
    servlet: "UsersRestServletV3",
    auth: "admin",
    query: listQuery,
    handle: ({ app, query }) => readUsers(app, filterOf(query, query.deactivated), pageOf(query)),
  }),
  route("GET /_synapse/admin/v2/users/:userId", {
    servlet: "UserRestServletV2",
    auth: "admin",
    handle: ({ app, params }) => readUser(app, params.userId),
  }),
  route("PUT /_synapse/admin/v2/users/:userId", {
    servlet: "UserRestServletV2",
    auth: "admin",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => {
      const { isNew, user } = await putUser(app, requester, params.userId, body);
      return reply({ status: isNew ? 201 : 200, body: user });
    },
  }),
  route("GET /_synapse/admin/v1/threepid/:medium/users/:address", {
    servlet: "UserByThreePid",
    auth: "admin",
    handle: ({ app, params }) => findUser(app, params),
  }),
  route("GET /_synapse/admin/v1/auth_providers/:authProvider/users/:externalId", {
    servlet: "UserByExternalId",
    auth: "admin",
    handle: ({ app, params }) => findUser(app, params),
  }),
]);

export const adminUserActionRoutes = group("admin.userActions", [
  route("GET /_synapse/admin/v1/users/:userId/admin", {
    servlet: "UserAdminServlet",
    auth: "admin",
    handle: async ({ app, params }) => ({ admin: await isAdmin(app, params.userId) }),
  }),
  route("PUT /_synapse/admin/v1/users/:userId/admin", {
    servlet: "UserAdminServlet",
    auth: "admin",
    body: object({ admin: boolean() }),
    handle: async ({ app, requester, params, body }) => {
      await setAdmin(app, requester, params.userId, body.admin);
      return {};
    },
  }),
  route("PUT /_synapse/admin/v1/suspend/:userId", {
    servlet: "SuspendAccountRestServlet",
    auth: "admin",
    body: object({ suspend: boolean() }),
    handle: async ({ app, params, body }) => {
      await suspend(app, params.userId, body.suspend);
      return { [`user_${params.userId}_suspended`]: body.suspend };
    },
  }),
  route("POST /_synapse/admin/v1/users/:userId/shadow_ban", {
    servlet: "ShadowBanRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await shadowBan(app, params.userId, true);
      return {};
    },
  }),
  route("DELETE /_synapse/admin/v1/users/:userId/shadow_ban", {
    servlet: "ShadowBanRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await shadowBan(app, params.userId, false);
      return {};
    },
  }),
  route("POST /_synapse/admin/v1/deactivate/:userId", {
    servlet: "DeactivateAccountRestServlet",
    auth: "admin",
    body: optional(object({ erase: optional(boolean()) })),
    handle: async ({ app, requester, params, body }) => ({
      id_server_unbind_result: await deactivate(app, requester, params.userId, body?.erase ?? false),
    }),
  }),
  route("POST /_synapse/admin/v1/reset_password/:userId", {
    servlet: "ResetPasswordRestServlet",
    auth: "admin",
    body: object({ new_password: string(), logout_devices: optional(boolean()) }),
    handle: async ({ app, requester, params, body }) => {
      const { new_password: password, logout_devices: logoutDevices = true } = body;
      await resetPassword(app, requester, params.userId, { password, logoutDevices });
      return {};
    },
  }),
  route("POST /_synapse/admin/v1/users/:userId/login", {
    servlet: "UserTokenRestServlet",
    auth: "admin",
    body: optional(object({ valid_until_ms: maybe(integer()) })),
    handle: async ({ app, requester, params, body }) => ({
      access_token: await loginAs(app, requester, params.userId, body?.valid_until_ms ?? undefined),
    }),
  }),
  route("POST /_synapse/admin/v1/users/:userId/_allow_cross_signing_replacement_without_uia", {
    servlet: "UserReplaceMasterCrossSigningKeyRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => ({ updatable_without_uia_before_ms: await allowNewKeys(app, params.userId) }),
  }),
]);
