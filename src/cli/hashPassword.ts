import { Command } from "commander";
import { loadValues } from "../config/load";
import type { Io } from "./io";
import { UserError } from "./io";
import { addConfigPath, configPaths } from "./options";
import { askNewPassword } from "./registerUser";

interface HashOptions {
  readonly password?: string;
  readonly configPath?: readonly string[];
  readonly config?: readonly string[];
  readonly rounds?: string;
}

export function hashPasswordCommand(io: Io): Command {
  const command = new Command("hash-password")
    .description("print the hash of a password, as the database holds it")
    .option("-p, --password <text>", "the password; asked for by default")
    .option("-r, --rounds <number>", "cost, 4 to 31");
  return addConfigPath(command, "configuration with bcrypt_rounds and password_config.pepper").action(async (options: HashOptions) => {
    const paths = configPaths(options);
    const values = paths.length === 0 ? undefined : loadValues(paths);
    const rounds = Number(options.rounds ?? values?.bcrypt_rounds ?? 12);
    if (!Number.isInteger(rounds) || rounds < 4 || rounds > 31) throw new UserError("--rounds must be a number from 4 to 31");
    const password = options.password ?? (await askNewPassword(io));
    const { createPasswordHasher } = await import("../handlers/auth/passwords");
    const hasher = createPasswordHasher({ rounds, pepper: values?.password_config.pepper ?? "" });
    io.out(`${await hasher.hash(password)}\n`);
  });
}
