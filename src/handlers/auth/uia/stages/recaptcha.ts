import { MatrixError, missingParam } from "../../../../errors";
import type { JsonObject } from "../../../../lib/json";
import type { Stage } from "../types";

const wrong = (): MatrixError => new MatrixError(401, "M_UNAUTHORIZED", "Captcha authentication failed");

/** Google's captcha, or one that speaks like it, as recaptcha_siteverify_api says. */
export const recaptchaStage: Stage = {
  type: "m.login.recaptcha",
  isEnabled: ({ config }) => config.recaptcha_private_key !== undefined && config.recaptcha_public_key !== undefined,
  params: ({ config }) => ({ public_key: config.recaptcha_public_key }),
  check: async (app, auth, { ip }) => {
    const response = auth["response"];
    if (typeof response !== "string" || response === "") throw new MatrixError(400, "M_CAPTCHA_NEEDED", "Captcha response is required");
    const { recaptcha_private_key: secret, recaptcha_siteverify_api: url } = app.config;
    if (secret === undefined) throw missingParam("captchas are not configured");
    let answer: JsonObject;
    try {
      answer = await app.accounts.web.postForm(url, { secret, response, remoteip: ip });
    } catch (error) {
      app.accounts.onError(error);
      throw wrong();
    }
    if (answer["success"] !== true) throw wrong();
    return true;
  },
};
