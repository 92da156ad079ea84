import { createHmac } from "node:crypto";
import { UserError } from "./io";

export interface Registration {
  readonly user: string;
  readonly password: string;
  readonly isAdmin: boolean;
  readonly userType: string | undefined;
}

export type RegistrationResult =
  { readonly kind: "made" } | { readonly kind: "refused"; readonly status: number; readonly errcode: string; readonly message: string };

const PATH = "/_synapse/admin/v1/register";

/** Hex HMAC-SHA1 under the shared secret over nonce, name, password, admin or notadmin, and the type if any, joined by NUL. */
export function registrationMac(secret: string, nonce: string, registration: Registration): string {
  const fields = [nonce, registration.user, registration.password, registration.isAdmin ? "admin" : "notadmin"];
  if (registration.userType !== undefined) fields.push(registration.userType);
  return createHmac("sha1", secret).update(fields.join("\0"), "utf8").digest("hex");
}

/** Makes an account by Synapse's shared-secret registration. Throws UserError when the server cannot be reached. */
export async function register(
  url: string,
  secret: string,
  registration: Registration,
  say: (text: string) => void,
): Promise<RegistrationResult> {
  const endpoint = url.replace(/\/+$/, "") + PATH;
  const first = await request(endpoint, undefined);
  if (first.status !== 200) return refused(first);
  const nonce = String(first.body["nonce"]);
  say("Sending registration request...");
  const answer = await request(endpoint, {
    nonce,
    username: registration.user,
    password: registration.password,
    mac: registrationMac(secret, nonce, registration),
    admin: registration.isAdmin,
    ...(registration.userType === undefined ? {} : { user_type: registration.userType }),
  });
  return answer.status === 200 ? { kind: "made" } : refused(answer);
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function refused({ status, body }: Answer): RegistrationResult {
  const errcode = typeof body["errcode"] === "string" ? body["errcode"] : "";
  const message = typeof body["error"] === "string" ? `${errcode} ${body["error"]}`.trim() : "no reason given";
  return { kind: "refused", status, errcode, message };
}

async function request(endpoint: string, json: object | undefined): Promise<Answer> {
  // the server is on this machine or named by its operator, and its certificate may be for another name
  const { Agent, fetch } = await import("undici");
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const body = json === undefined ? {} : { method: "POST", body: JSON.stringify(json), headers: { "content-type": "application/json" } };
    const response = await fetch(endpoint, { dispatcher, ...body });
    const text = await response.text();
    return { status: response.status, body: parseObject(text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new UserError(`The server does not answer at ${endpoint}: ${cause}. Is it running?`);
  } finally {
    await dispatcher.close();
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
