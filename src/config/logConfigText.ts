import { DEFAULT_LOG_FORMAT } from "./logConfig";

/** A logging configuration like the one which Synapse generates: INFO to a file that is rotated at midnight. */
export function logConfigText(logFile: string): string {
  return `# Logging, in the form of Python's dictConfig, as Synapse has it.
version: 1

formatters:
  precise:
    format: '${DEFAULT_LOG_FORMAT}'

handlers:
  file:
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

  # For a console: name it in root.handlers instead of buffer.
  console:
    class: logging.StreamHandler
    formatter: precise

loggers:
  # DEBUG here writes every statement with its values, access tokens among them.
  synapse.storage.SQL:
    level: INFO

root:
  level: INFO
  handlers: [buffer]

disable_existing_loggers: false
`;
}
