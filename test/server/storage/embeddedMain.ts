import { systemClock } from "../../../src/lib/clock";
import type { Logger } from "../../../src/observe/logger";
import { startEmbedded } from "../../../src/storage/embedded";

/** A main process that does nothing but keep the embedded database: node embeddedMain.js <data directory> <binaries>. */
const say = (kind: string, text: unknown): void => void process.stdout.write(JSON.stringify({ kind, text }) + "\n");
const logger = (kind: string) => (message: string | (() => string)) => say(kind, typeof message === "string" ? message : message());
const log: Logger = { debug: () => undefined, info: logger("info"), warn: logger("warn"), error: logger("error"), isEnabled: () => true };

async function main(): Promise<void> {
  const [dataDirectory = "", binaries = ""] = process.argv.slice(2);
  try {
    const embedded = await startEmbedded({
      dataDirectory,
      binaries,
      clock: systemClock,
      log,
      onTakenOver: (error) => say("taken over", error.message),
    });
    process.once("SIGTERM", () => void embedded.stop().then(() => say("stopped", "")));
    say("ready", "");
  } catch (error) {
    say("refused", (error as Error).message);
    process.exitCode = 1;
  }
}

void main();
