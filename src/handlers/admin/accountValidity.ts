import { changeFlags } from "../account/flags";
import type { App } from "../app";
import { refuse, requireOwn } from "./targets";

/** `POST /account_validity/validity`: an account may be used until a time (ms), or as long as new ones. Gives until when. */
export async function renewAccount(app: App, userId: string, expiresTs: number | undefined): Promise<number> {
  await requireOwn(app, userId);
  const { enabled, period } = app.config.account_validity;
  const until = expiresTs ?? (enabled && period !== undefined ? app.clock.now() + period : undefined);
  if (until === undefined) throw refuse("Accounts of this server do not expire: expiration_ts is needed");
  await changeFlags(app, userId, { expiresTs: until });
  return until;
}
