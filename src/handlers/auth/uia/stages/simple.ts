import type { Stage } from "../types";

/** Nothing to prove; it gives operations a flow that anybody can complete. */
export const dummyStage: Stage = {
  type: "m.login.dummy",
  isEnabled: () => true,
  check: async () => true,
};

/** Consent to the operator's policies, shown by the client or by the fallback page. */
export const termsStage: Stage = {
  type: "m.login.terms",
  isEnabled: ({ config }) => config.user_consent?.require_at_registration === true,
  params: ({ config }) => {
    const consent = config.user_consent;
    if (!consent) return {};
    const url = `${config.derived.publicBaseurl}_matrix/consent?v=${encodeURIComponent(consent.version)}`;
    return { policies: { privacy_policy: { version: consent.version, en: { name: consent.policy_name, url } } } };
  },
  check: async () => true,
};
