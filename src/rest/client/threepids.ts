import { badJson, missingParam, MatrixError } from "../../errors";
import { bindThreepid, unbindThreepid } from "../../handlers/account/identityServers";
import { addValidated, listThreepids, removeThreepid } from "../../handlers/account/threepids";
import { confirmIdentity } from "../../handlers/auth/uia/reauth";
import { isJsonObject } from "../../lib/json";
import { maybe, object, oneOf, openObject, optional, string } from "../../lib/schema";
import { group, route } from "../route";
import { uiaField } from "../uiaField";

const prefixes = ["r0", "unstable"] as const;
const proof = { client_secret: maybe(string()), sid: maybe(string()) };
const boundProof = maybe(openObject({ ...proof, id_server: maybe(string()), id_access_token: maybe(string()) }));
const threepid = object({ medium: oneOf("email", "msisdn"), address: string(), id_server: optional(string()) });

function credentials(given: unknown): { sid: string; clientSecret: string } {
  if (given === undefined) throw missingParam("Missing param: three_pid_creds");
  if (!isJsonObject(given)) throw badJson("three_pid_creds must be an object");
  const sid = given["sid"];
  const clientSecret = given["client_secret"] ?? given["clientSecret"];
  if (typeof sid !== "string" || typeof clientSecret !== "string") throw missingParam("Missing params: ['client_secret', 'sid']");
  return { sid, clientSecret };
}

export const threepidRoutes = group("client.threepids", [
  route("GET /_matrix/client/v3/account/3pid", {
    servlet: "ThreepidRestServlet",
    aliases: prefixes,
    auth: "user",
    handle: async ({ app, requester }) => ({ threepids: await listThreepids(app, requester.userId) }),
  }),
  route("POST /_matrix/client/v3/account/3pid", {
    servlet: "ThreepidRestServlet",
    aliases: prefixes,
    auth: "user",
    allow: ["suspended"],
    body: openObject({ three_pid_creds: boundProof }),
    handle: async ({ app, requester, body }) => {
      await addValidated(app, requester.userId, credentials(body["three_pid_creds"] ?? body["threePidCreds"]));
      return {};
    },
  }),
  route("POST /_matrix/client/v3/account/3pid/add", {
    servlet: "ThreepidAddRestServlet",
    aliases: prefixes,
    auth: "user",
    allow: ["suspended"],
    body: openObject({ auth: uiaField, ...proof }),
    handle: async ({ app, requester, body, request }) => {
      if (!app.config.enable_3pid_changes) throw new MatrixError(403, "M_FORBIDDEN", "3PID changes are disabled on this server");
      const params = await confirmIdentity(app, requester, {
        request,
        body,
        description: "add a third-party identifier to your account",
        reuse: "recent",
      });
      await addValidated(app, requester.userId, credentials(params));
      return {};
    },
  }),
  route("POST /_matrix/client/v3/account/3pid/bind", {
    servlet: "ThreepidBindRestServlet",
    aliases: prefixes,
    auth: "user",
    body: object({ client_secret: string(), id_server: string(), id_access_token: string(), sid: string() }),
    handle: async ({ app, requester, body }) => {
      const { id_server: idServer, id_access_token: idAccessToken, client_secret: clientSecret, sid } = body;
      await bindThreepid(app, requester.userId, { idServer, idAccessToken, sid, clientSecret });
      return {};
    },
  }),
  route("POST /_matrix/client/v3/account/3pid/unbind", {
    servlet: "ThreepidUnbindRestServlet",
    aliases: prefixes,
    auth: "user",
    body: threepid,
    handle: async ({ app, requester, body }) => {
      const unbound = await unbindThreepid(app, requester.userId, body, body.id_server);
      return { id_server_unbind_result: unbound ? "success" : "no-support" };
    },
  }),
  route("POST /_matrix/client/v3/account/3pid/delete", {
    servlet: "ThreepidDeleteRestServlet",
    aliases: prefixes,
    auth: "user",
    body: threepid,
    handle: async ({ app, requester, body }) => ({
      id_server_unbind_result: await removeThreepid(app, requester.userId, {
        medium: body.medium,
        address: body.address,
        idServer: body.id_server,
      }),
    }),
  }),
]);
