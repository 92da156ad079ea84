import { Command } from "commander";
import { loadValues } from "../config/load";
import type { Io } from "./io";
import { UserError } from "./io";
import { collect } from "./options";
import { askNewPassword } from "./registerUser";

interface HashOptions {
  readonly password?: string;
  readonly configPath?: readonly string[];
  readonly rounds?: string;
}

export function hashPasswordCommand(io: Io): Command {
  return new Command("hash-password")
    .description("print the hash of a password, as the database holds it")
    .option("-p, --password <text>", "the password; asked for by default")
    .option("-c, --config-path <path>", "configuration with bcrypt_rounds and password_config.pepper", collect)
    .option("-r, --rounds <number>", "cost, 4 to 31")
    .action(async (options: HashOptions) => {
      const values = options.configPath === undefined ? undefined : loadValues(options.configPath);
      const rounds = Number(options.rounds ?? values?.bcrypt_rounds ?? 12);
      if (!Number.isInteger(rounds) || rounds < 4 || rounds > 31) throw new UserError("--rounds must be a number from 4 to 31");
      const password = options.password ?? (await askNewPassword(io));
      const { createPasswordHasher } = await import("../handlers/auth/passwords");
      const hasher = createPasswordHasher({ rounds, pepper: values?.password_config.pepper ?? "" });
      io.out(`${await hasher.hash(password)}\n`);
    });
}
