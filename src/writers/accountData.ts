import { isJsonObject, own } from "../lib/json";
import type { JsonObject, JsonValue } from "../lib/json";
import type { ReplicationLog } from "../replication/log";
import type { Fences } from "../replication/ownership";
import { defineRpc } from "../replication/rpc";
import { createStreamWriter } from "../replication/streamWriter";
import type { Streams } from "../replication/streams";
import { getAccountData, insertAccountData, replaceIgnoredUsers } from "../storage/accountData";
import type { AccountDataChange, AccountDataKey, NewAccountData } from "../storage/accountData";
import type { Database, Db } from "../storage/db";
import { lockStream } from "../storage/streamIds";
import type { StreamLock } from "../storage/streamIds";
import { accountDataStream } from "../streams/accountData";
import { oneStatement } from "./oneStatement";

/** A change of account data. roomId "" is for what belongs to no room. */
export type AccountDataOp =
  /** Replaces a piece; content is JSON text. */
  | ({ readonly kind: "set"; readonly content: string } & AccountDataKey)
  /** Moves the m.fully_read marker on, never back. */
  | { readonly kind: "marker"; readonly userId: string; readonly roomId: string; readonly eventId: string }
  /** Sets one tag of a room; without content takes it away. */
  | { readonly kind: "tag"; readonly userId: string; readonly roomId: string; readonly tag: string; readonly content: JsonObject | null };

export interface AccountDataWriter {
  /** Resolves, once committed, to a position of the stream that includes the change. */
  submit(op: AccountDataOp): Promise<number>;
  drain(): Promise<void>;
}

const TAGS = "m.tag";
const IGNORED = "m.ignored_user_list";

/** Whether the change depends on what is stored, or touches other tables. */
const needsTransaction = (op: AccountDataOp): boolean =>
  op.kind === "tag" || (op.kind === "set" && op.type === IGNORED && op.roomId === "");

/** Stores account data, many changes at once. */
export function createAccountDataWriter(deps: {
  db: Database;
  streams: Streams;
  log: ReplicationLog;
  ownership: Fences;
}): AccountDataWriter {
  const fence = () => deps.ownership.fence(accountDataStream.writer);
  const plain = createStreamWriter<AccountDataOp, AccountDataChange["row"]>({
    stream: accountDataStream,
    ...deps,
    db: oneStatement(deps.db),
    fence,
    insert: (db, ops, lock) => insertAccountData(db, lock, ops.flatMap(plainRow)),
  });
  const careful = createStreamWriter<AccountDataOp, AccountDataChange["row"]>({
    stream: accountDataStream,
    ...deps,
    fence,
    insert: insertInTransaction,
  });
  return {
    submit: (op) => (needsTransaction(op) ? careful : plain).submit(op),
    drain: async () => {
      await Promise.all([plain.drain(), careful.drain()]);
    },
  };
}

function plainRow(op: AccountDataOp): NewAccountData[] {
  if (op.kind === "set") return [{ userId: op.userId, roomId: op.roomId, type: op.type, content: op.content, readEventId: null }];
  if (op.kind === "tag") return [];
  const content = JSON.stringify({ event_id: op.eventId });
  return [{ userId: op.userId, roomId: op.roomId, type: "m.fully_read", content, readEventId: op.eventId }];
}

/** The stream's lock comes first here: it keeps what is read from changing until it is written. */
async function insertInTransaction(tx: Db, ops: readonly AccountDataOp[], lock: StreamLock): Promise<AccountDataChange[]> {
  await lockStream(tx, lock);
  const rows = [...ops.flatMap(plainRow), ...(await changedTags(tx, ops))];
  if (rows.length === 0) return [];
  const lists = new Map<string, readonly string[]>();
  for (const row of rows)
    if (row.type === IGNORED && row.roomId === "") lists.set(row.userId, ignoredIn(row.userId, JSON.parse(row.content)));
  const [stored] = await Promise.all([
    insertAccountData(tx, lock, rows),
    lists.size > 0
      ? replaceIgnoredUsers(
          tx,
          Array.from(lists, ([ignorer, ignored]) => ({ ignorer, ignored })),
        )
      : undefined,
  ]);
  return stored;
}

/** The user ids of an m.ignored_user_list. Nobody ignores themselves. */
function ignoredIn(ignorer: string, content: JsonValue): string[] {
  const users = isJsonObject(content) ? own(content, "ignored_users") : undefined;
  return isJsonObject(users)
    ? Object.keys(users).filter((user) => user.startsWith("@") && user !== ignorer && !user.includes("\u0000"))
    : [];
}

async function changedTags(tx: Db, ops: readonly AccountDataOp[]): Promise<NewAccountData[]> {
  const changes = ops.flatMap((op) => (op.kind === "tag" ? [op] : []));
  if (changes.length === 0) return [];
  const tags = new Map<string, Map<string, JsonValue>>();
  const id = (key: { userId: string; roomId: string }): string => JSON.stringify([key.userId, key.roomId]);
  const keys = new Map(changes.map(({ userId, roomId }) => [id({ userId, roomId }), { userId, roomId, type: TAGS }]));
  for (const row of await getAccountData(tx, [...keys.values()])) tags.set(id(row), tagsOf(JSON.parse(row.content)));
  const changed = new Set<string>();
  for (const change of changes) {
    const here = tags.get(id(change)) ?? new Map<string, JsonValue>();
    tags.set(id(change), here);
    if (change.content !== null) here.set(change.tag, change.content);
    else if (!here.delete(change.tag)) continue;
    changed.add(id(change));
  }
  return Array.from(keys).flatMap(([key, { userId, roomId }]) => {
    if (!changed.has(key)) return [];
    const content = JSON.stringify({ tags: Object.fromEntries(tags.get(key) ?? []) });
    return [{ userId, roomId, type: TAGS, content, readEventId: null }];
  });
}

function tagsOf(content: JsonValue): Map<string, JsonValue> {
  const tags = isJsonObject(content) ? own(content, "tags") : undefined;
  return new Map(isJsonObject(tags) ? Object.entries(tags).map(([tag, value]) => [tag, value ?? {}]) : []);
}

/** Changes account data at the user's writer. */
export const changeAccountData = defineRpc<{ readonly userData: { readonly accountDataWriter: AccountDataWriter } }, AccountDataOp, number>(
  {
    name: "change_account_data",
    owner: (op) => ({ stream: "account_data", key: op.userId }),
    batch: 64,
    repeatable: true,
    handle: (app, ops) => Promise.all(ops.map((op) => app.userData.accountDataWriter.submit(op))),
  },
);
