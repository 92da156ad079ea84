import { Command, CommanderError } from "commander";
import { checkConfigCommand, generateKeysCommand } from "./cli/checkConfig";
import { containerCommand } from "./cli/container";
import { reportToParent } from "./cli/daemonize";
import { addGenerateOptions, generateConfigCommand } from "./cli/generateConfig";
import { hashPasswordCommand } from "./cli/hashPassword";
import type { Io } from "./cli/io";
import { processIo, UserError } from "./cli/io";
import { migrateCommand } from "./cli/migrate";
import { addConfigOptions } from "./cli/options";
import { planCommand } from "./cli/plan";
import { proxyConfigCommand } from "./cli/proxyConfig";
import { registerUserCommand } from "./cli/registerUser";
import { routesCommand } from "./cli/routes";
import type { RunOptions } from "./cli/run";
import { run } from "./cli/run";
import { statusCommand } from "./cli/status";
import { synctlCommand } from "./cli/synctl";
import { upCommand } from "./cli/up";
import { ConfigError } from "./config/problems";
import { COMPATIBLE_VERSION, VERSION } from "./lib/version";

/** Runs the command line. Answers the exit code: 0, 1 for what the operator can mend, 2 for a command line that is wrong. */
export async function main(args: readonly string[], io: Io = processIo): Promise<number> {
  try {
    await createProgram(io).parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const failure = describeError(error);
    io.err(`${failure}\n`);
    reportToParent({ failure });
    return 1;
  }
}

/**
 * What the build does with the finished program. It loads all that a process of the server needs, so that the code cache holds it, and makes
 * what the embedded database needs besides its package: whoever starts the server may not be allowed to write there.
 */
export async function prepare(): Promise<void> {
  await import("./server/run");
  await import("./server/process");
  const { allGroups } = await import("./rest/registry");
  const { compileRoutes } = await import("./rest/router");
  compileRoutes(allGroups);
  const { locateBinaries } = await import("./storage/embeddedBinaries");
  try {
    locateBinaries();
  } catch {
    // Not installed, or built to a place without packages: a configured database needs none of it.
  }
}

/** Errors whose message is for the operator: a stack would only hide it. */
const FOR_OPERATORS = [
  "EmbeddedDatabaseError",
  "UnusableDatabaseError",
  "DatabaseUnavailableError",
  "ListenError",
  "InstanceTakenError",
  "ShardingDiffersError",
];

function describeError(error: unknown): string {
  if (error instanceof ConfigError || error instanceof UserError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const isOperational = FOR_OPERATORS.includes(error.name) || "syscall" in error;
  return isOperational ? `Error: ${error.message}` : (error.stack ?? error.message);
}

export function createProgram(io: Io): Command {
  const program = new Command("synapse-ts")
    .description("A Matrix homeserver that reads Synapse's configuration. Without a command it runs a process of the server.")
    .enablePositionalOptions()
    .showHelpAfterError("(--help shows the options)");
  addRunOptions(program).action((options: RunOptions) => run(options, io));
  const commands = [
    generateConfigCommand(io),
    generateKeysCommand(io),
    checkConfigCommand(io),
    planCommand(io),
    proxyConfigCommand(io),
    routesCommand(io),
    statusCommand(io),
    upCommand(io),
    synctlCommand(io),
    registerUserCommand(io),
    hashPasswordCommand(io),
    migrateCommand(io),
    containerCommand(io),
    new Command("version").description("print the version").action(() => io.out(versionText())),
  ];
  for (const command of [program, ...commands]) {
    command.exitOverride().configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
    for (const inner of command.commands)
      inner.exitOverride().configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
    if (command !== program) program.addCommand(command, command.name() === "container" ? { hidden: true } : {});
  }
  return program;
}

const versionText = (): string => `synapse-ts ${VERSION} (follows Synapse ${COMPATIBLE_VERSION})\n`;

function addRunOptions(program: Command): Command {
  addConfigOptions(program)
    .version(versionText().trim(), "-V, --version", "print the version")
    .option("-D, --daemonize", "run in the background")
    .option("--print-pidfile", "print the name of the pid file when going to the background")
    .option("--manhole <port>", "open a manhole on this port of 127.0.0.1")
    .option("-n, --no-redirect-stdio", "accepted: standard output is never redirected into the log")
    .option("--generate-config", "write a new configuration: needs -H")
    .option("--generate-keys", "make missing keys and log configuration, then stop")
    .option("--generate-missing-configs", "the same")
    .option("--generate-missing-and-run", "make missing keys and log configuration, then run; this is what happens anyway")
    .option("--enable-registration", "as enable_registration: true")
    .option("-d, --database-path <file>", "use the embedded database beside this file");
  return addGenerateOptions(program);
}
