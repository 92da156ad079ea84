import { Command } from "commander";
import type { Config } from "../config/config";
import { defaultLogConfig } from "../config/logConfig";
import { systemClock } from "../lib/clock";
import type { Logger } from "../observe/logger";
import type { DatabaseOptions } from "../storage/databaseOptions";
import type { Io } from "./io";
import { loadWithWarnings } from "./load";
import type { ConfigOptions } from "./options";
import { addConfigOptions } from "./options";

export function migrateCommand(io: Io): Command {
  return addConfigOptions(new Command("migrate"))
    .description("bring the database up to date, which the main process does by itself when it starts")
    .option("--dry-run", "only list what there is to do")
    .action(async (options: ConfigOptions & { readonly dryRun?: boolean }) => {
      const { config } = loadWithWarnings(options, io);
      await withDatabase(config, (database, log) => migrateDatabase(database, { config, log, isDryRun: options.dryRun === true, io }));
    });
}

interface MigrateContext {
  readonly config: Config;
  readonly log: Logger;
  readonly isDryRun: boolean;
  readonly io: Io;
}

async function migrateDatabase(options: DatabaseOptions, { config, log, isDryRun, io }: MigrateContext): Promise<void> {
  const { createDatabase } = await import("../storage/pool");
  const { migrate, pendingMigrations } = await import("../storage/migrate");
  const { database } = config.derived;
  const allowUnsafeLocale = database.kind === "server" && database.allowUnsafeLocale;
  const pool = await createDatabase({ ...options, min: 1, max: 2 }, { clock: systemClock, log });
  try {
    const names = isDryRun ? await pendingMigrations(pool) : (await migrate(pool, { allowUnsafeLocale })).applied;
    const verb = isDryRun ? "To be applied" : "Applied";
    io.out(names.length === 0 ? "The database is up to date.\n" : names.map((name) => `${verb}: ${name}\n`).join(""));
  } finally {
    await pool.close();
  }
}

async function withDatabase(config: Config, use: (options: DatabaseOptions, log: Logger) => Promise<void>): Promise<void> {
  const { createLogging } = await import("../observe/logging");
  const quiet = { ...defaultLogConfig, root: { ...defaultLogConfig.root, level: "warn" } } as const;
  const log = createLogging({ config: quiet, clock: systemClock, serverName: config.server_name }).log("synapse.storage");
  const { database } = config.derived;
  if (database.kind === "server") return use(database.options, log);
  const { startEmbedded } = await import("../storage/embedded");
  const embedded = await startEmbedded({ dataDirectory: database.dataDirectory, clock: systemClock, log });
  try {
    await use(embedded.options, log);
  } finally {
    await embedded.stop();
  }
}
