import { forbidden } from "../../../../errors";
import type { Stage } from "../types";

/** Signing on once more elsewhere: the callback of the provider completes it (`completeStage`), never the client. */
export const ssoStage: Stage = {
  type: "m.login.sso",
  isEnabled: ({ accounts }) => accounts.signOn !== undefined,
  check: async () => {
    throw forbidden("This stage is completed in the browser");
  },
};
