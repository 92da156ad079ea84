import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Db } from "../../src/storage/db";
import { requirePython } from "./synapse";

/** What a server holds of an event: in its history, hidden from clients, against the rules, or only cited by others. */
export type Standing = "there" | "soft failed" | "rejected" | "outlier";

/** What a server has written down of a room, which it tells nobody. */
export interface Records {
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

const recordsOf = (rows: readonly Row[], ends: readonly string[]): Records => ({
  standings: new Map(rows.map((row) => [row.id, standingOf(row)])),
  ends: [...ends].sort(),
});

/** From the database of a server of ours. */
export async function ourRecords(db: Db, roomId: string): Promise<Records> {
  const [rows, ends] = await Promise.all([
    db<Row>`
      select event_id as id, stream_ordering is null as outlier, rejected is not null as rejected, soft_failed as soft
      from events join rooms using (room_nid) where room_id = ${roomId}`,
    db<{ id: string }>`
      select event_id as id from room_tips join rooms using (room_nid) join events on nid = any (extremities) where room_id = ${roomId}`,
  ]);
  return recordsOf(
    rows,
    ends.map(({ id }) => id),
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
print(json.dumps({"events": events, "ends": ends}))
`;

/** From the SQLite of a Synapse. */
export async function synapseRecords(file: string, roomId: string): Promise<Records> {
  const { stdout } = await promisify(execFile)(requirePython(), ["-c", SCRIPT, file, roomId], { maxBuffer: 1 << 28 });
  const { events, ends } = JSON.parse(stdout) as { events: Row[]; ends: string[] };
  return recordsOf(events, ends);
}
