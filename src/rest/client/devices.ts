import { listDevices, removeDevices, requireDevice, updateDevice } from "../../handlers/account/devices";
import { confirmIdentity } from "../../handlers/auth/uia/reauth";
import { array, nullable, object, openObject, optional, string } from "../../lib/schema";
import { reply } from "../reply";
import { group, route } from "../route";
import { uiaField } from "../uiaField";

const prefixes = ["r0", "unstable"] as const;
const deletion = { description: "remove a device from your account", reuse: "recent" } as const;

export const deviceRoutes = group("client.devices", [
  route("GET /_matrix/client/v3/devices", {
    servlet: "DevicesRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: async ({ app, requester }) => ({ devices: await listDevices(app, requester.userId) }),
  }),
  route("GET /_matrix/client/v3/devices/:deviceId", {
    servlet: "DeviceRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: ({ app, requester, params }) => requireDevice(app, requester.userId, params.deviceId),
  }),
  route("PUT /_matrix/client/v3/devices/:deviceId", {
    servlet: "DeviceRestServlet",
    aliases: prefixes,
    auth: "guest",
    allow: ["suspended"],
    body: object({ display_name: optional(nullable(string())) }),
    handle: async ({ app, requester, params, body }) => {
      const done = await updateDevice(app, requester, params.deviceId, body.display_name ?? undefined);
      return reply({ status: done === "made" ? 201 : 200, body: {} });
    },
  }),
  route("DELETE /_matrix/client/v3/devices/:deviceId", {
    servlet: "DeviceRestServlet",
    aliases: prefixes,
    auth: "user",
    allow: ["suspended"],
    body: optional(openObject({ auth: uiaField })),
    handle: async ({ app, requester, params, body = {}, request }) => {
      // v1.17: application services need no proof
      if (!requester.appservice) await confirmIdentity(app, requester, { request, body, ...deletion });
      await removeDevices(app, requester.userId, [params.deviceId]);
      return {};
    },
  }),
  route("POST /_matrix/client/v3/delete_devices", {
    servlet: "DeleteDevicesRestServlet",
    aliases: prefixes,
    auth: "user",
    allow: ["suspended"],
    body: openObject({ devices: optional(array(string())), auth: uiaField }),
    handle: async ({ app, requester, body, request }) => {
      const params = requester.appservice ? body : await confirmIdentity(app, requester, { request, body, ...deletion });
      const devices: unknown = params["devices"];
      const ids = Array.isArray(devices) ? devices.filter((id: unknown) => typeof id === "string") : [];
      await removeDevices(app, requester.userId, ids);
      return {};
    },
  }),
]);
