import { badJson, missingParam, MatrixError } from "../../../../errors";
import { reserveRegistrationToken } from "../../../../storage/registrationTokens";
import type { Stage } from "../types";

/** A token that the operator gave out (MSC3231). Its result is the token, of which one use is reserved until the session ends. */
export const registrationTokenStage: Stage = {
  type: "m.login.registration_token",
  consumes: true,
  isEnabled: ({ config }) => config.registration_requires_token,
  check: async (app, auth) => {
    const { token } = auth;
    if (token === undefined) throw missingParam("Missing registration token");
    if (typeof token !== "string") throw badJson("Registration token must be a string");
    if (!(await reserveRegistrationToken(app.db, token, app.clock.now()))) {
      throw new MatrixError(401, "M_FORBIDDEN", "Invalid registration token");
    }
    return token;
  },
};
