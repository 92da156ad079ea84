import { makeDeviceOf, readDeviceOf, readDevicesOf, removeDevicesOf, renameDeviceOf } from "../../handlers/admin/devices";
import { array, maybe, object, string } from "../../lib/schema";
import { reply } from "../reply";
import { group, route } from "../route";

export const adminDeviceRoutes = group("admin.devices", [
  route("GET /_synapse/admin/v2/users/:userId/devices", {
    servlet: "DevicesRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readDevicesOf(app, params.userId),
  }),
  route("POST /_synapse/admin/v2/users/:userId/devices", {
    servlet: "DevicesRestServlet",
    auth: "admin",
    body: object({ device_id: string() }),
    handle: async ({ app, params, body }) => {
      await makeDeviceOf(app, params.userId, body.device_id);
      return reply({ status: 201, body: {} });
    },
  }),
  route("POST /_synapse/admin/v2/users/:userId/delete_devices", {
    servlet: "DeleteDevicesRestServlet",
    auth: "admin",
    body: object({ devices: array(string()) }),
    handle: async ({ app, params, body }) => {
      await removeDevicesOf(app, params.userId, body.devices);
      return {};
    },
  }),
  route("GET /_synapse/admin/v2/users/:userId/devices/:deviceId", {
    servlet: "DeviceRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readDeviceOf(app, params.userId, params.deviceId),
  }),
  route("PUT /_synapse/admin/v2/users/:userId/devices/:deviceId", {
    servlet: "DeviceRestServlet",
    auth: "admin",
    body: object({ display_name: maybe(string()) }),
    handle: async ({ app, params, body }) => {
      await renameDeviceOf(app, params.userId, params.deviceId, body.display_name ?? undefined);
      return {};
    },
  }),
  route("DELETE /_synapse/admin/v2/users/:userId/devices/:deviceId", {
    servlet: "DeviceRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await removeDevicesOf(app, params.userId, [params.deviceId]);
      return {};
    },
  }),
]);
