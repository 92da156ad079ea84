import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Db } from "../../src/storage/db";
import { requirePython } from "./synapse";

/** What a server holds of an event: in its history, hidden from clients, against the rules, or only cited by others. */
export type Standing = "there" | "soft failed" | "rejected" | "outlier";

/** A redaction as a server holds it. */
export interface RedactionRecord {
  readonly redacts: string;
  /** Synapse found once that the sender's level did not suffice, at the auth events, before it or now: then it counts for the sender's server alone. */
  readonly doubted: boolean;
}

/** What a server has written down of a room, which it tells nobody. */
export interface Records {
  /** Redactions that say what they redact, by id: up to version 10 one that is redacted itself, and came so, says nothing. */
  readonly redactions: ReadonlyMap<string, RedactionRecord>;
  /** Of every event that it has, by id. */
  readonly standings: ReadonlyMap<string, Standing>;
  /** Its forward extremities, sorted. */
  readonly ends: readonly string[];
}

interface Row {
  readonly id: string;
  readonly outlier: boolean;
  readonly rejected: boolean;
  readonly soft: boolean;
}

const standingOf = ({ outlier, rejected, soft }: Row): Standing =>
  rejected ? "rejected" : soft ? "soft failed" : outlier ? "outlier" : "there";

interface RedactionRow extends RedactionRecord {
  readonly id: string;
}

const recordsOf = (rows: readonly Row[], ends: readonly string[], redactions: readonly RedactionRow[]): Records => ({
  standings: new Map(rows.map((row) => [row.id, standingOf(row)])),
  ends: [...ends].sort(),
  redactions: new Map(redactions.map((row) => [row.id, row])),
});

/** From the database of a server of ours. */
export async function ourRecords(db: Db, roomId: string): Promise<Records> {
  const [rows, ends, redactions] = await Promise.all([
    db<Row>`
      select event_id as id, stream_ordering is null as outlier, rejected is not null as rejected, soft_failed as soft
      from events join rooms using (room_nid) where room_id = ${roomId}`,
    db<{ id: string }>`
      select event_id as id from room_tips join rooms using (room_nid) join events on nid = any (extremities) where room_id = ${roomId}`,
    db<RedactionRow>`
      select event_id as id, redacts, false as doubted from events join rooms using (room_nid)
      where room_id = ${roomId} and redacts is not null and rejected is null`,
  ]);
  return recordsOf(
    rows,
    ends.map(({ id }) => id),
    redactions,
  );
}

const SCRIPT = `
import json, sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=30)
rows = db.execute("""
  select event_id, outlier, rejection_reason, internal_metadata
  from events join event_json using (event_id) where events.room_id = ?""", sys.argv[2:])
events = [
  {"id": id, "outlier": bool(outlier), "rejected": rejected is not None, "soft": bool(json.loads(metadata).get("soft_failed"))}
  for id, outlier, rejected, metadata in rows
]
ends = [id for id, in db.execute("select event_id from event_forward_extremities where room_id = ?", sys.argv[2:])]
redactions = db.execute("""
  select event_id, redactions.redacts, recheck from redactions join events using (event_id) where room_id = ?""", sys.argv[2:])
redactions = [{"id": id, "redacts": redacts, "doubted": bool(recheck)} for id, redacts, recheck in redactions]
print(json.dumps({"events": events, "ends": ends, "redactions": redactions}))
`;

/** From the SQLite of a Synapse. */
export async function synapseRecords(file: string, roomId: string): Promise<Records> {
  const { stdout } = await promisify(execFile)(requirePython(), ["-c", SCRIPT, file, roomId], { maxBuffer: 1 << 28 });
  const { events, ends, redactions } = JSON.parse(stdout) as { events: Row[]; ends: string[]; redactions: RedactionRow[] };
  return recordsOf(events, ends, redactions);
}
