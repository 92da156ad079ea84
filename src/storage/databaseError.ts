interface Details {
  readonly constraint?: string | undefined;
  readonly table?: string | undefined;
  readonly detail?: string | undefined;
  /** Where in the statement, counted in characters from 1. */
  readonly position?: number | undefined;
  /** The SQL that failed, without its parameters: those may be private. */
  readonly statement?: string | undefined;
}

/** The database refused a statement. `code` is the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";

  constructor(
    message: string,
    readonly code: string,
    readonly details: Details = {},
  ) {
    super(message);
  }

  get constraint(): string | undefined {
    return this.details.constraint;
  }
}

/** This process was taken for dead, and another one may own what it wanted to write (migration 0046). Nothing was written. */
export class LeaseLostError extends DatabaseError {}
const LEASE_LOST = "ST001";

/**
 * The database could not be reached, went away, or had no connection free in time. `executed` says what became of the
 * work: "no", it never began; "rolled back", a transaction was cut off before its commit and left no trace; "unknown", it
 * was under way and the answer was lost.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";

  constructor(
    message: string,
    readonly executed: "no" | "rolled back" | "unknown",
    /** Trying again cannot help: wrong password, no such database, unusable certificate. */
    readonly permanent: boolean = false,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

export function isUniqueViolation(error: unknown, constraint?: string): error is DatabaseError {
  return error instanceof DatabaseError && error.code === "23505" && (constraint === undefined || error.constraint === constraint);
}

/** SQLSTATE class 53, insufficient resources: the disk is full, or memory. */
export const isExhausted = (error: unknown): error is DatabaseError => error instanceof DatabaseError && error.code.startsWith("53");

/** The database is away or full: nothing is wrong with what was asked of it, and it will do that another time. */
export const isOutage = (error: unknown): boolean => error instanceof DatabaseUnavailableError || isExhausted(error);

/** A deadlock or serialization failure: the transaction was rolled back, and may succeed when run again. */
export function isConflict(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === "40001" || error.code === "40P01");
}

/** 08: connection exceptions, 57P: shutdown and crash of the server, 53300: too many connections. */
const unavailable = /^(08|57P0[1-5]|53300)/;
/** 28: authentication, 3D000: no such database, 42501: no permission to connect. */
const permanent = /^(28|3D000|42501)/;

/** The driver's complaints about how it was called. */
const usage = new Set(["MAX_PARAMETERS_EXCEEDED", "UNDEFINED_VALUE", "NOT_TAGGED_CALL"]);

interface DriverError extends Error {
  readonly code?: string;
  readonly severity?: string;
  readonly constraint_name?: string;
  readonly table_name?: string;
  readonly detail?: string;
  readonly position?: string;
}

/** By its shape: Node's own errors are no instances of the Error that jest gives to tests. */
function asError(cause: unknown): DriverError {
  return typeof cause === "object" && cause !== null && "message" in cause ? (cause as DriverError) : new Error(String(cause));
}

/** Gives an error of the driver our own type and, because it is made while the caller awaits, a stack that names the caller. */
export function toDatabaseError(cause: unknown, statement?: string): Error {
  if (cause instanceof DatabaseUnavailableError) return new DatabaseUnavailableError(cause.message, cause.executed, cause.permanent, cause);
  const error = asError(cause);
  const code = error.code ?? "";
  if (error.severity === undefined) {
    // Not from the server. Errors of sockets and of the driver have a code; those of our parsers have none and are passed on.
    return code === "" || usage.has(code) ? error : new DatabaseUnavailableError(error.message, "unknown", false, cause);
  }
  if (unavailable.test(code)) return new DatabaseUnavailableError(error.message, "unknown", false, cause);
  const hint = code === "22021" ? " (text in PostgreSQL cannot hold U+0000)" : "";
  const Kind = code === LEASE_LOST ? LeaseLostError : DatabaseError;
  return new Kind(error.message + hint, code, {
    constraint: error.constraint_name,
    table: error.table_name,
    detail: error.detail,
    position: error.position === undefined ? undefined : Number(error.position),
    statement,
  });
}

/** The same for an error met while connecting: nothing has run yet, and some causes will not pass by themselves. */
export function toConnectError(cause: unknown, where: string): DatabaseUnavailableError {
  const error = asError(cause);
  const hopeless = cause instanceof DatabaseUnavailableError ? cause.permanent : permanent.test(error.code ?? "");
  return new DatabaseUnavailableError(`cannot connect to the database at ${where}: ${error.message}`, "no", hopeless, cause);
}
