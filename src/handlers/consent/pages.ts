import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MatrixError, forbidden, missingParam, notFound } from "../../errors";
import { fillTemplate } from "../../lib/template";
import type { TemplateValues } from "../../lib/template";
import { localpartOf } from "../../rooms/ids";
import { getUser, setConsent } from "../../storage/users";
import { changeAccounts } from "../../writers/accountChanges";
import type { App } from "../app";
import { qualify } from "../account/usernames";
import { isConsentLink } from "./links";

/** Templates are there in one language, as in Synapse. */
const LANGUAGE = "en";

export interface ConsentQuery {
  /** Whose consent it is: a localpart. Absent or empty: nobody's, the policy is only shown. */
  readonly u?: string | undefined;
  /** The proof that the link is that user's. */
  readonly h?: string | undefined;
  /** A version of the policy. */
  readonly v?: string | undefined;
}

function settingsOf({ config }: Pick<App, "config">) {
  const { user_consent: consent } = config;
  if (!consent) throw notFound("There is no policy to agree to on this server");
  return consent;
}

/** Versions name files, and no others than those of their directory. */
async function page(app: Pick<App, "config">, name: string, values: TemplateValues): Promise<string> {
  const { template_dir: directory } = settingsOf(app);
  if (!/^[\w.-]+$/.test(name) || name.startsWith(".")) throw notFound("There is no such version of the policy");
  const text = await readFile(join(directory, LANGUAGE, `${name}.html`), "utf8").catch(() => {
    throw notFound("There is no such version of the policy");
  });
  return fillTemplate(text, values);
}

function requireLink(app: Pick<App, "config">, name: string, mac: string | undefined): void {
  if (mac === undefined) throw missingParam("Missing string query parameter 'h'");
  if (!isConsentLink(app, name, mac)) throw forbidden("HMAC incorrect");
}

/** `GET /_matrix/consent`: the policy, with a button for whoever came by their own link. */
export async function showPolicy(app: Pick<App, "config" | "db" | "serverName">, { u = "", h, v }: ConsentQuery): Promise<string> {
  const version = v ?? settingsOf(app).version;
  if (u === "") return page(app, version, { user: "", userhmac: "", version, has_consented: false, public_version: true });
  requireLink(app, u, h);
  const user = await getUser(app.db, qualify(u, app.serverName));
  if (!user) throw notFound("Unknown user");
  const values = { user: u, userhmac: h ?? "", version, has_consented: user.consentVersion === version, public_version: false };
  return page(app, version, values);
}

/** `POST /_matrix/consent`: the user agrees. */
export async function agree(
  app: Pick<App, "clock" | "config" | "db" | "serverName" | "streams">,
  { u, h, v }: ConsentQuery,
): Promise<string> {
  settingsOf(app);
  if (u === undefined || v === undefined) throw missingParam(`Missing string query parameter '${u === undefined ? "u" : "v"}'`);
  requireLink(app, u, h);
  const userId = qualify(u, app.serverName);
  const known = await changeAccounts(app, async (tx) => ({
    value: await setConsent(tx, userId, v, app.clock.now()),
    accounts: [{ userId, what: "account" as const }],
  }));
  if (!known) throw notFound("Unknown user");
  return page(app, "success", {}).catch((error: unknown) => {
    if (error instanceof MatrixError)
      return `<!DOCTYPE html><html lang="en"><body><p>Thank you, ${localpartOf(userId).replace(/[^\w.=-]/g, "")}.</p></body></html>`;
    throw error;
  });
}
