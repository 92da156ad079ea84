import { dummyStage, termsStage } from "./stages/simple";
import { emailStage, msisdnStage } from "./stages/threepid";
import { passwordStage } from "./stages/password";
import { recaptchaStage } from "./stages/recaptcha";
import { registrationTokenStage } from "./stages/registrationToken";
import { ssoStage } from "./stages/sso";
import type { Stage } from "./types";

const all: readonly Stage[] = [
  dummyStage,
  termsStage,
  passwordStage,
  recaptchaStage,
  registrationTokenStage,
  emailStage,
  msisdnStage,
  ssoStage,
];

/** Every stage that there is, by type. */
export const stages: ReadonlyMap<string, Stage> = new Map(all.map((stage) => [stage.type, stage]));
