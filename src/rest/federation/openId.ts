import { MatrixError } from "../../errors";
import { findOpenIdUser } from "../../handlers/account/shortTokens";
import { group, route } from "../route";

/** Whoever was given an OpenID token asks here whose it is; they need not be a homeserver, so nothing is signed. */
export const openIdUserInfoRoutes = group("openid.userinfo", [
  route("GET /_matrix/federation/v1/openid/userinfo", {
    servlet: "OpenIdUserInfo",
    auth: "none",
    handle: async ({ app, request }) => {
      const token = request.accessToken;
      if (token === undefined) throw new MatrixError(401, "M_MISSING_TOKEN", "Access Token required");
      const sub = await findOpenIdUser(app, token);
      if (sub === undefined) throw new MatrixError(401, "M_UNKNOWN_TOKEN", "Access Token unknown or expired");
      return { sub };
    },
  }),
]);
