import type { Db } from "./db";

/** A page of reports, newest or oldest first. */
export interface ReportPage {
  readonly from: number;
  readonly limit: number;
  readonly dir: "f" | "b";
}

export interface EventReportFilter {
  /** Part of the id of who reported. */
  readonly userId: string | undefined;
  /** Part of the room's id. */
  readonly roomId: string | undefined;
  /** Whose event it is. */
  readonly sender: string | undefined;
}

export interface ListedEventReport {
  readonly id: number;
  readonly received_ts: number;
  readonly room_id: string;
  readonly event_id: string;
  readonly user_id: string;
  readonly reason: string | null;
  readonly score: number | null;
  readonly sender: string | null;
  readonly name: string | null;
  readonly canonical_alias: string | null;
}

export async function listEventReports(
  db: Db,
  filter: EventReportFilter,
  page: ReportPage,
): Promise<{ reports: ListedEventReport[]; total: number }> {
  const rows = await db<{ reports: ListedEventReport[]; total: number }>`
    with found as (
      select r.id, r.received_ts, r.room_id, r.event_id, r.user_id, r.reason, r.score, e.sender, s.name, s.canonical_alias
      from event_reports r left join events e using (event_id) left join rooms on rooms.room_id = r.room_id
      left join room_stats s on s.room_nid = rooms.room_nid
      where (${filter.userId ?? null}::text is null or strpos(r.user_id, ${filter.userId ?? null}) > 0)
        and (${filter.roomId ?? null}::text is null or strpos(r.room_id, ${filter.roomId ?? null}) > 0)
        and (${filter.sender ?? null}::text is null or e.sender = ${filter.sender ?? null})
    ), page as (
      select * from found
      order by received_ts * (case when ${page.dir} = 'f' then 1 else -1 end), id * (case when ${page.dir} = 'f' then 1 else -1 end)
      limit ${page.limit} offset ${page.from}
    )
    select (select count(*) from found) as total, (select coalesce(json_agg(page), '[]') from page) as reports`;
  return rows[0] ?? { reports: [], total: 0 };
}

/** A report with the event as it was signed; undefined where there is none. */
export async function getEventReport(db: Db, id: number): Promise<(ListedEventReport & { readonly json: string | null }) | undefined> {
  const rows = await db<ListedEventReport & { json: string | null }>`
    select r.id, r.received_ts, r.room_id, r.event_id, r.user_id, r.reason, r.score, e.sender, s.name, s.canonical_alias, e.json
    from event_reports r left join events e using (event_id) left join rooms on rooms.room_id = r.room_id
    left join room_stats s on s.room_nid = rooms.room_nid
    where r.id = ${id}`;
  return rows[0];
}

/** Gives whether there was one. */
export async function deleteEventReport(db: Db, id: number): Promise<boolean> {
  return (await db`delete from event_reports where id = ${id} returning id`).length > 0;
}

export interface ListedUserReport {
  readonly id: number;
  readonly received_ts: number;
  readonly target_user_id: string;
  readonly user_id: string;
  readonly reason: string;
}

/** Filters are parts of ids. */
export async function listUserReports(
  db: Db,
  filter: { readonly userId: string | undefined; readonly target: string | undefined },
  page: ReportPage,
): Promise<{ reports: ListedUserReport[]; total: number }> {
  const rows = await db<{ reports: ListedUserReport[]; total: number }>`
    with found as (
      select id, received_ts, target_user_id, user_id, reason from user_reports
      where (${filter.userId ?? null}::text is null or strpos(user_id, ${filter.userId ?? null}) > 0)
        and (${filter.target ?? null}::text is null or strpos(target_user_id, ${filter.target ?? null}) > 0)
    ), page as (
      select * from found
      order by received_ts * (case when ${page.dir} = 'f' then 1 else -1 end), id * (case when ${page.dir} = 'f' then 1 else -1 end)
      limit ${page.limit} offset ${page.from}
    )
    select (select count(*) from found) as total, (select coalesce(json_agg(page), '[]') from page) as reports`;
  return rows[0] ?? { reports: [], total: 0 };
}

export async function getUserReport(db: Db, id: number): Promise<ListedUserReport | undefined> {
  const rows = await db<ListedUserReport>`
    select id, received_ts, target_user_id, user_id, reason from user_reports where id = ${id}`;
  return rows[0];
}

export async function deleteUserReport(db: Db, id: number): Promise<boolean> {
  return (await db`delete from user_reports where id = ${id} returning id`).length > 0;
}
