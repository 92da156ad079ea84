import { MatrixError, badJson, notFound } from "../errors";
import { LeaseLostError, isOutage } from "../storage/databaseError";
import { FORGOTTEN, NOT_OWNER, POSITION_WAIT_MS, ownerName } from "./rpc";
import type { AnyRpc, RpcAnswer, RpcOptions, RpcRequest, RpcResult } from "./rpc";

const REMEMBER_MS = 10 * 60_000;
const REMEMBER_MAX = 20_000;

type Handle = (def: AnyRpc, input: unknown) => Promise<unknown>;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseRequest(body: unknown): RpcRequest {
  if (!isObject(body)) throw badJson("not an object");
  const { txn, again, positions, inputs } = body;
  if (typeof txn !== "string" || !Array.isArray(inputs) || !isObject(positions)) throw badJson("not a replication request");
  const known = Object.entries(positions).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]));
  return { txn, again: typeof again === "string" ? again : undefined, positions: Object.fromEntries(known), inputs };
}

/** Handles what other processes ask. Remembers its answers for a while, so that a request made again repeats nothing. */
export class RpcReceiver {
  private readonly defs: ReadonlyMap<string, AnyRpc>;
  private readonly life: string;
  private readonly answers = new Map<string, { readonly answer: Promise<RpcAnswer>; readonly at: number }>();

  constructor(private readonly options: RpcOptions) {
    this.defs = new Map(options.defs.map((def) => [def.name, def]));
    this.life = options.random.letters(12);
  }

  async receive(name: string, body: unknown, handle: Handle): Promise<RpcAnswer> {
    const def = this.defs.get(name);
    if (!def) throw notFound(`There is no ${name}`);
    const request = parseRequest(body);
    const id = `${name}/${request.txn}`;
    const known = this.answers.get(id);
    if (known) return known.answer;
    if (request.again !== undefined && request.again !== this.life) throw new MatrixError(409, FORGOTTEN, "This process was restarted");
    const answer = this.answer(def, request, handle);
    if (!def.repeatable) this.remember(id, answer);
    return answer;
  }

  private remember(id: string, answer: Promise<RpcAnswer>): void {
    const now = this.options.clock.monotonic();
    this.answers.set(id, { answer, at: now });
    for (const [oldest, { at }] of this.answers) {
      if (this.answers.size <= REMEMBER_MAX && now - at < REMEMBER_MS) break;
      this.answers.delete(oldest);
    }
    // A refusal did nothing, so asking again may succeed.
    answer.catch(() => this.answers.delete(id));
  }

  private async answer(def: AnyRpc, request: RpcRequest, handle: Handle): Promise<RpcAnswer> {
    const { streams, log, told } = this.options;
    this.requireOwner(def, request);
    if (!(await streams.waitFor(request.positions, POSITION_WAIT_MS)))
      log.warn(`still waiting for what the caller of ${def.name} has seen; going on without`);
    // Once more: it may have taken a while, and the writers go by the life in which they are called.
    this.requireOwner(def, request);
    const before = streams.horizon();
    const results = await Promise.all(request.inputs.map((input) => this.result(def, input, handle)));
    // Here, since it is done once for all that these calls wrote, and their callers find in their sockets what they have to wait for.
    await told?.();
    const moved = Object.entries(streams.horizon()).filter(([name, position]) => before[name] !== position);
    return { life: this.life, positions: Object.fromEntries(moved), results };
  }

  private requireOwner(def: AnyRpc, { inputs }: RpcRequest): void {
    const { instance } = this.options.ownership;
    const isMine = inputs.every((input) => ownerName(this.options, def.owner(input)) === instance);
    if (!isMine) throw new MatrixError(421, NOT_OWNER, `${instance} is not the owner`);
  }

  private async result(def: AnyRpc, input: unknown, handle: Handle): Promise<RpcResult> {
    try {
      return { output: await handle(def, input) };
    } catch (error) {
      if (error instanceof MatrixError) return { error: { status: error.status, body: error.body() } };
      if (error instanceof LeaseLostError) return { error: { status: 421, body: { errcode: NOT_OWNER, error: error.message } } };
      this.options.log.error(`${def.name} failed for another process`, { error });
      if (isOutage(error)) return { error: { status: 503, body: { errcode: "M_UNKNOWN", error: "The server cannot reach its database" } } };
      return { error: { status: 500, body: { errcode: "M_UNKNOWN", error: "Internal server error" } } };
    }
  }
}
