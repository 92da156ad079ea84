import { badJson, missingParam } from "../../../../errors";
import { readIdentifier } from "../../identifiers";
import { checkPassword } from "../../passwordLogin";
import type { Stage } from "../types";

/** The password of an account. Its result is the user id: whoever runs the flow compares it with the requester. */
export const passwordStage: Stage = {
  type: "m.login.password",
  isEnabled: ({ config }) => config.password_config.enabled !== false,
  check: async (app, auth) => {
    const { password } = auth;
    if (password === undefined) throw missingParam("Missing params: ['password']");
    if (typeof password !== "string") throw badJson("password must be a string");
    return checkPassword(app, readIdentifier(auth), password);
  },
};
