import { forbidden, MatrixError } from "../../../errors";
import type { JsonObject, JsonValue } from "../../../lib/json";
import { getUiaSession, insertUiaSession, updateUiaSession } from "../../../storage/uiaSessions";
import type { AccountsApp } from "../accounts";
import { stages } from "./stages";
import { UiaIncomplete } from "./types";
import type { Flow, Stage, UiaSession } from "./types";

export interface UiaRequest {
  readonly method: string;
  /** Path of the request; a session serves one method and path. */
  readonly path: string;
  readonly ip: string;
  /** The value of `auth` in the body. */
  readonly auth: JsonObject | undefined;
  /** The rest of the body, without anything secret. */
  readonly clientDict: JsonObject;
  /** What is done, in words for the page that asks the user to confirm it. */
  readonly description: string;
  /** What to keep in the session when the client has to come back. */
  readonly remember?: () => Promise<JsonObject>;
}

export interface UiaOutcome {
  readonly session: UiaSession;
  /** Results by stage. */
  readonly completed: UiaSession["completed"];
  /** What the client asked for: of this request, or of the session when it sent nothing but `auth`. */
  readonly params: JsonObject;
}

/** Answers that the flows of `params` and their sessions are kept. */
export const UIA_SESSION_LIFETIME_MS = 48 * 3_600_000;

const isComplete = (flow: Flow, completed: UiaSession["completed"]): boolean => flow.every((stage) => Object.hasOwn(completed, stage));

function describeFlows(app: AccountsApp, flows: readonly Flow[], sessionId: string): JsonObject {
  const params: JsonObject = {};
  for (const type of new Set(flows.flat())) {
    const own = stages.get(type)?.params?.(app);
    if (own) params[type] = own;
  }
  return { session: sessionId, flows: flows.map((flow) => ({ stages: [...flow] })), params };
}

async function openSession(app: AccountsApp, request: UiaRequest): Promise<UiaSession> {
  const id = request.auth?.["session"];
  if (id === undefined) {
    return { id: app.random.letters(24), stored: false, clientDict: request.clientDict, serverDict: {}, completed: {} };
  }
  const row = typeof id === "string" ? await getUiaSession(app.db, id) : undefined;
  if (!row) throw new MatrixError(400, "M_UNKNOWN", `Unknown session ID: ${String(id)}`);
  if (row.method !== request.method || row.uri !== request.path) {
    throw forbidden("Requested operation has changed during the UI authentication session.");
  }
  // Clients may leave the parameters out once the session knows them. That they change on the way is tolerated, as ever.
  const given = Object.keys(request.clientDict).length > 0;
  const { clientDict } = given ? request : row;
  if (given && JSON.stringify(clientDict) !== JSON.stringify(row.clientDict)) await updateUiaSession(app.db, row.sessionId, { clientDict });
  return { id: row.sessionId, stored: true, clientDict, serverDict: row.serverDict, completed: row.completed };
}

/** Tries the stage that `auth` names. Gives its result, or why it failed. */
async function attempt(
  app: AccountsApp,
  stage: Stage,
  request: UiaRequest,
  session: UiaSession,
): Promise<{ result: JsonValue } | { failure: MatrixError }> {
  try {
    return { result: await stage.check(app, request.auth ?? {}, { session, ip: request.ip }) };
  } catch (error) {
    if (!(error instanceof MatrixError) || stage.failsPlainly || error.status === 429 || error.status >= 500) throw error;
    return { failure: error };
  }
}

async function store(app: AccountsApp, request: UiaRequest, session: UiaSession, gained: Record<string, JsonValue>): Promise<UiaSession> {
  const completed = { ...session.completed, ...gained };
  if (session.stored) {
    if (Object.keys(gained).length > 0) await updateUiaSession(app.db, session.id, { completed: gained });
    return { ...session, completed };
  }
  const serverDict = (await request.remember?.()) ?? {};
  await insertUiaSession(app.db, {
    sessionId: session.id,
    createdTs: app.clock.now(),
    method: request.method,
    uri: request.path,
    description: request.description,
    clientDict: session.clientDict,
    serverDict,
    completed,
  });
  return { ...session, stored: true, serverDict, completed };
}

function stageOf(app: AccountsApp, type: JsonValue): Stage {
  const stage = typeof type === "string" ? stages.get(type) : undefined;
  if (!stage?.isEnabled(app))
    throw new MatrixError(400, "M_UNRECOGNIZED", `Unknown or unsupported authentication type ${JSON.stringify(type)}`);
  return stage;
}

/**
 * Lets an operation through once a flow is complete. Throws UiaIncomplete (401) while stages are missing or a proof was wrong, 400
 * for unknown sessions, 403 when the session was made for another operation.
 */
export async function runUia(app: AccountsApp, flows: readonly Flow[], request: UiaRequest): Promise<UiaOutcome> {
  const session = await openSession(app, request);
  const { auth } = request;
  const tried = auth !== undefined && Object.keys(auth).length > 0;
  let failure: MatrixError | undefined;
  const gained: Record<string, JsonValue> = {};
  const type = auth?.["type"];
  if (type !== undefined && !Object.hasOwn(session.completed, String(type))) {
    const stage = stageOf(app, type);
    const outcome = await attempt(app, stage, request, session);
    if ("failure" in outcome) ({ failure } = outcome);
    else gained[stage.type] = outcome.result;
  }
  const completed = { ...session.completed, ...gained };
  if (tried && flows.some((flow) => isComplete(flow, completed))) {
    const uses = Object.keys(gained).some((name) => stages.get(name)?.consumes);
    const final = session.stored || uses ? await store(app, request, session, gained) : { ...session, completed };
    return { session: final, completed, params: session.clientDict };
  }
  const { id } = await store(app, request, session, gained);
  const answer = { ...describeFlows(app, flows, id), ...(tried && { completed: Object.keys(completed) }), ...failure?.body() };
  throw new UiaIncomplete(answer, id);
}

/** Completes a stage from outside the request: a fallback page, a sign-on provider. Gives false for unknown sessions. */
export async function completeStage(app: AccountsApp, sessionId: string, type: string, result: JsonValue): Promise<boolean> {
  const session = await getUiaSession(app.db, sessionId);
  if (!session) return false;
  await updateUiaSession(app.db, sessionId, { completed: { [type]: result } });
  return true;
}
