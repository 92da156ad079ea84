import { invalidParam } from "../../errors";
import { claimKeys } from "../../handlers/keys/claimKeys";
import { uploadCrossSigningKeys } from "../../handlers/keys/crossSigning";
import { deviceListsBetween } from "../../handlers/keys/listChanges";
import { queryKeys } from "../../handlers/keys/queryKeys";
import { uploadSignatures } from "../../handlers/keys/signatures";
import { readKeysWanted } from "../../handlers/keys/parse";
import { uploadKeys } from "../../handlers/keys/upload";
import type { Infer } from "../../lib/schema";
import { anyJson, anyObject, array, integer, object, optional, record, string } from "../../lib/schema";
import { isUserId } from "../../rooms/ids";
import { parseToken } from "../../lib/streamToken";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;

const upload = object({
  device_keys: optional(anyJson()),
  one_time_keys: optional(anyJson()),
  fallback_keys: optional(anyJson()),
  "org.matrix.msc2732.fallback_keys": optional(anyJson()),
});

const uploadOf = (body: Infer<typeof upload>, deviceId?: string) => ({
  deviceId,
  deviceKeys: body.device_keys,
  oneTimeKeys: body.one_time_keys,
  fallbackKeys: body.fallback_keys ?? body["org.matrix.msc2732.fallback_keys"],
});

const token = (text: string) => {
  const parsed = parseToken(text);
  if (!parsed) throw invalidParam("Invalid token");
  return parsed;
};

export const keyRoutes = group("client.keys", [
  route("POST /_matrix/client/v3/keys/upload", {
    servlet: "KeyUploadServlet",
    aliases: prefixes,
    auth: "guest",
    body: upload,
    handle: ({ app, requester, body }) => uploadKeys(app, requester, uploadOf(body)),
  }),
  route("POST /_matrix/client/v3/keys/upload/:deviceId", {
    servlet: "KeyUploadServlet",
    aliases: prefixes,
    auth: "guest",
    body: upload,
    handle: ({ app, requester, params, body }) => uploadKeys(app, requester, uploadOf(body, params.deviceId)),
  }),
  route("POST /_matrix/client/v3/keys/query", {
    readOnly: true,
    servlet: "KeyQueryServlet",
    aliases: prefixes,
    auth: "guest",
    body: object({ device_keys: record(array(string())), timeout: optional(integer()) }),
    handle: ({ app, requester, body }) => {
      const wanted = new Map(Object.entries(body.device_keys));
      for (const userId of wanted.keys()) if (!isUserId(userId)) throw invalidParam("device_keys must be by user id");
      return queryKeys(app, requester, wanted, body.timeout);
    },
  }),
  route("GET /_matrix/client/v3/keys/changes", {
    servlet: "KeyChangesServlet",
    aliases: prefixes,
    auth: "guest",
    query: object({ from: string(), to: optional(string()) }),
    handle: ({ app, requester, query }) =>
      deviceListsBetween(app, requester, token(query.from), query.to === undefined ? undefined : token(query.to)),
  }),
  route("POST /_matrix/client/v3/keys/claim", {
    servlet: "OneTimeKeyServlet",
    aliases: prefixes,
    auth: "guest",
    body: object({ one_time_keys: record(record(string())), timeout: optional(integer()) }),
    handle: ({ app, body }) => {
      return claimKeys(app, readKeysWanted(body.one_time_keys), body.timeout);
    },
  }),
  route("POST /_matrix/client/v3/keys/device_signing/upload", {
    servlet: "SigningKeyUploadServlet",
    aliases: ["unstable"],
    auth: "user",
    body: anyObject(),
    handle: async ({ app, requester, body, request }) => {
      await uploadCrossSigningKeys(app, requester, body, request);
      return {};
    },
  }),
  route("POST /_matrix/client/v3/keys/signatures/upload", {
    servlet: "SignaturesUploadServlet",
    aliases: prefixes,
    auth: "user",
    body: anyObject(),
    handle: ({ app, requester, body }) => uploadSignatures(app, requester, body),
  }),
]);
