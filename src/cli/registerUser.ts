import { readFileSync } from "node:fs";
import { Command } from "commander";
import { loadValues } from "../config/load";
import type { ConfigValues } from "../config/types.generated";
import type { Io } from "./io";
import { UserError } from "./io";
import { usualConfig } from "./load";
import { addConfigPath, configPaths } from "./options";
import type { Registration } from "./sharedSecretRegistration";
import { register } from "./sharedSecretRegistration";

export interface RegisterOptions {
  readonly user?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  /** True by -a, false by --no-admin, asked for by default. */
  readonly admin?: boolean;
  readonly user_type?: string;
  readonly sharedSecret?: string;
  readonly configPath?: readonly string[];
  readonly config?: readonly string[];
  readonly existsOk?: boolean;
}

/** As Synapse's register_new_matrix_user. */
export function registerUserCommand(io: Io): Command {
  const command = new Command("register-user")
    .description("make an account on a running server, an administrator's too")
    .argument("[server_url]", "where the server answers; found in the configuration by default")
    .option("-u, --user <localpart>", "name of the account")
    .option("-p, --password <text>", "its password; others on this machine may see it, so rather let it be asked for")
    .option("--password-file <file>", "file with the password, - for standard input")
    .option("-a, --admin", "make an administrator")
    .option("--no-admin", "make an ordinary account")
    .option("-t, --user_type <type>", "account type, such as bot or support")
    .option("-k, --shared-secret <secret>", "registration_shared_secret of the server")
    .option("--exists-ok", "succeed if the account exists already");
  return addConfigPath(command, "configuration of the server, for its secret and its address").action(
    async (url: string | undefined, options: RegisterOptions) => {
      await registerUser(url, options, io);
    },
  );
}

export async function registerUser(url: string | undefined, options: RegisterOptions, io: Io): Promise<void> {
  if (options.password !== undefined && options.passwordFile !== undefined)
    throw new UserError("Give either --password or --password-file, not both.");
  const values = configuredValues(options);
  const secret = options.sharedSecret ?? values?.registration_shared_secret;
  if (secret === undefined) {
    const where =
      values === undefined
        ? "No configuration: name it with -c, or the secret with -k."
        : "The configuration has no registration_shared_secret.";
    throw new UserError(`${where} Without this secret accounts cannot be made from here.`);
  }
  const user = options.user ?? ((await io.ask("New user localpart: ")) ?? "").trim();
  if (user === "") throw new UserError("The name of the account is missing.");
  const password = await passwordFor(options, io);
  const isAdmin = options.admin ?? (await askWhetherAdmin(options, io));
  const registration: Registration = { user, password, isAdmin, userType: options.user_type };
  const result = await register(url ?? serverUrl(values), secret, registration, (text) => io.out(`${text}\n`));
  if (result.kind === "made") io.out("Success!\n");
  else if (options.existsOk === true && result.errcode === "M_USER_IN_USE") io.out("User already exists. Skipping.\n");
  else throw new UserError(`ERROR! Received ${result.status}: ${result.message}`);
}

/** Scripts, which give the name, are not asked: they get ordinary accounts unless they say -a. */
async function askWhetherAdmin(options: RegisterOptions, io: Io): Promise<boolean> {
  if (options.user !== undefined && (options.password !== undefined || options.passwordFile !== undefined)) return false;
  return /^y/i.test(((await io.ask("Make admin [no]: ")) ?? "").trim());
}

function configuredValues(options: RegisterOptions): ConfigValues | undefined {
  const paths = configPaths(options);
  if (paths.length > 0) return loadValues(paths);
  const usual = options.sharedSecret === undefined ? usualConfig() : undefined;
  return usual === undefined ? undefined : loadValues([usual]);
}

async function passwordFor(options: RegisterOptions, io: Io): Promise<string> {
  if (options.password !== undefined) return options.password;
  if (options.passwordFile === undefined) return askNewPassword(io);
  const text = readFileSync(options.passwordFile === "-" ? 0 : options.passwordFile, "utf8");
  return text.replace(/\r?\n$/, "");
}

/** Asks twice, unseen. */
export async function askNewPassword(io: Io): Promise<string> {
  const password = await io.ask("Password: ", { hidden: true });
  if (password === undefined || password === "") throw new UserError("The password is missing.");
  if ((await io.ask("Confirm password: ", { hidden: true })) !== password) throw new UserError("The passwords differ.");
  return password;
}

/** Where this machine reaches the server: its first listener for clients. */
export function serverUrl(values: ConfigValues | undefined): string {
  const serves = (names: readonly string[]): boolean => names.includes("client");
  const usable = (values?.listeners ?? []).filter(
    (entry) => entry.type === "http" && entry.port !== undefined && entry.resources.some(({ names }) => serves(names)),
  );
  const listener = usable.find((entry) => !entry.tls) ?? usable[0];
  if (listener === undefined) return "http://localhost:8008";
  const addresses = (listener.bind_addresses as readonly string[] | undefined) ?? [];
  const everywhere = addresses.length === 0 || addresses.some((address) => ["", "::", "0.0.0.0", "127.0.0.1", "::1"].includes(address));
  const [first = "localhost"] = everywhere ? [addresses.includes("127.0.0.1") ? "127.0.0.1" : "localhost"] : addresses;
  return `${listener.tls ? "https" : "http"}://${first.includes(":") ? `[${first}]` : first}:${listener.port}`;
}
