import { DEFAULT_LOG_FORMAT } from "./logConfig";

/** A logging configuration like the one which Synapse generates: INFO to a file that is rotated at midnight, or to standard error. */
export function logConfigText(logFile: string, logTo: "file" | "console" = "file"): string {
  const file = fileHandlers(logFile);
  return `# Logging, in the form of Python's dictConfig, as Synapse has it.
version: 1

formatters:
  precise:
    format: '${DEFAULT_LOG_FORMAT}'

handlers:
${logTo === "file" ? file : ""}  # ${logTo === "file" ? "For a console: name it in root.handlers instead of buffer." : "The container's output."}
  console:
    class: logging.StreamHandler
    formatter: precise

loggers:
  # DEBUG here writes every statement with its values, access tokens among them.
  synapse.storage.SQL:
    level: INFO

root:
  level: INFO
  handlers: [${logTo === "file" ? "buffer" : "console"}]

disable_existing_loggers: false
`;
}

function fileHandlers(logFile: string): string {
  return `  file:
    class: logging.handlers.TimedRotatingFileHandler
    formatter: precise
    filename: ${JSON.stringify(logFile)}
    when: midnight
    backupCount: 3   # days that are kept, besides today
    encoding: utf8

  # Holds lines back and writes them together. Warnings and errors are written at once.
  buffer:
    class: synapse.logging.handlers.PeriodicallyFlushingMemoryHandler
    target: file
    capacity: 10
    flushLevel: 30
    period: 5

`;
}
