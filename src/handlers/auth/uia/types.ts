import { MatrixError } from "../../../errors";
import type { JsonObject, JsonValue } from "../../../lib/json";
import type { AccountsApp } from "../accounts";

/** A way to authenticate: the stages that a client has to complete, in any order. */
export type Flow = readonly string[];

/** A session as this request sees it. */
export interface UiaSession {
  readonly id: string;
  /** Whether it is in the database: sessions that are completed by one request never are. */
  readonly stored: boolean;
  readonly clientDict: JsonObject;
  readonly serverDict: JsonObject;
  readonly completed: { readonly [stage: string]: JsonValue };
}

export interface StageContext {
  readonly session: UiaSession;
  /** The client's address. */
  readonly ip: string;
}

/** One kind of proof. */
export interface Stage {
  readonly type: string;
  /** Whether the server is configured for it. */
  isEnabled(app: AccountsApp): boolean;
  /** What a client has to know to complete it, for `params`. */
  params?(app: AccountsApp): JsonObject;
  /** Gives what the operation may want to know of it. Throws MatrixError when the proof is wrong. */
  check(app: AccountsApp, auth: JsonObject, context: StageContext): Promise<JsonValue>;
  /** Completing it uses something up, so the session is stored even when nothing else is missing. */
  readonly consumes?: true;
  /** Failures answer as they are, without flows: some clients send a new mail at every 401 with flows. */
  readonly failsPlainly?: true;
}

/** 401 with the flows that are open, instead of errcode and error (specification: User-Interactive Authentication API). */
export class UiaIncomplete extends MatrixError {
  constructor(
    readonly answer: JsonObject,
    readonly sessionId: string,
  ) {
    super(401, "M_FORBIDDEN", "User-interactive authentication is needed");
  }

  override body(): JsonObject {
    return this.answer;
  }
}
