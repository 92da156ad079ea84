import type { Records, Standing } from "../records";

/** A room as one server tells it when all is quiet. */
export interface View {
  /** What to call the server. */
  readonly server: string;
  /** All of the current state: by type and state key, what stands there, as text that begins with its event id. */
  readonly state: ReadonlyMap<string, string>;
  /** The history as somebody reads it who may see all: events as text, by id, in order. */
  readonly history: readonly (readonly [id: string, text: string])[];
  readonly records: Records;
}

/** An event that a server acknowledged. */
export interface Said {
  readonly server: string;
  readonly eventId: string;
  readonly type: string;
}

/** A room, as each server sees it. */
export interface Views {
  readonly roomId: string;
  readonly views: readonly View[];
  readonly said: readonly Said[];
}

/**
 * All in which servers differ that should agree on a room, in words. What was allowed in its place and not by the state that a server
 * had when it came, is hidden there (server-server API, "Soft failure") and may be seen elsewhere; besides that all have to be equal.
 */
export function disagreements({ roomId, views, said }: Views): string[] {
  return [...differingState(views), ...differingEvents(views), ...differingEnds(views), ...losses(views, said)].map(
    (one) => `${roomId}: ${one}`,
  );
}

function differingState(views: readonly View[]): string[] {
  const keys = new Set(views.flatMap(({ state }) => [...state.keys()]));
  return [...keys].flatMap((key) => {
    const values = views.map(({ state }) => state.get(key));
    return new Set(values).size === 1 ? [] : [`state ${key}: ${perServer(views, (_, i) => values[i] ?? "nothing")}`];
  });
}

function differingEvents(views: readonly View[]): string[] {
  const texts = views.map(({ history }) => new Map(history));
  const ids = new Set(texts.flatMap((one) => [...one.keys()]));
  return [...ids].flatMap((id) => {
    const told = texts.map((one) => one.get(id));
    const seen = told.filter((text) => text !== undefined);
    const standings = views.map(({ records }) => records.standings.get(id));
    if (told.some((text, i) => text === undefined && !isHidden(standings[i], seen[0])))
      return [`not everywhere: ${id} ${seen[0]}: ${perServer(views, (_, i) => describe(told[i], standings[i]))}`];
    if (new Set(seen).size === 1 || mayBeRedactedBySome(views, id, told)) return [];
    return [`told differently: ${id} ${perServer(views, (_, i) => told[i] ?? standings[i] ?? "")}`];
  });
}

/**
 * Whether servers differ in an event by nothing but that some redacted it, and the others could not: each redaction of it that there is
 * either came to them redacted itself, which takes away what it redacts (rooms/v1 to v10, "Redactions"), or, for Synapse, did not have the
 * level by some state that Synapse happened to look at. Servers that redacted it tell the same, and so do those that tell it whole.
 */
function mayBeRedactedBySome(views: readonly View[], id: string, told: readonly (string | undefined)[]): boolean {
  const redactions = new Set(
    views.flatMap(({ records }) => [...records.redactions].flatMap(([by, { redacts }]) => (redacts === id ? by : []))),
  );
  const counts = ({ records }: View, by: string): boolean => records.redactions.get(by)?.doubted === false;
  const has = ({ records }: View, by: string): boolean => records.redactions.has(by) || records.standings.has(by);
  const isBy = views.map((view) => [...redactions].some((by) => counts(view, by)));
  const texts = (redacted: boolean) => new Set(told.filter((text, i) => text !== undefined && isBy[i] === redacted));
  const [redacted, whole] = [texts(true), texts(false)];
  for (const text of redacted) whole.delete(text);
  return redacted.size === 1 && whole.size === 1 && views.every((view, i) => isBy[i] || [...redactions].every((by) => has(view, by)));
}

/** Redactions that take no effect are hidden, too: Synapse works that out when it tells them. */
const isHidden = (standing: Standing | undefined, text = ""): boolean =>
  standing === "soft failed" || (standing === "there" && text.includes('"type":"m.room.redaction"'));

const describe = (told: string | undefined, standing: Standing | undefined): string =>
  `${standing ?? "unknown"}${standing === "there" && told === undefined ? ", not told" : ""}`;

function differingEnds(views: readonly View[]): string[] {
  const ends = views.map(({ records }) => records.ends.join(" "));
  const isMerged = views.every(({ records }) => records.ends.length === 1);
  return new Set(ends).size === 1 && isMerged ? [] : [`ends: ${perServer(views, (_, i) => ends[i] ?? "")}`];
}

function losses(views: readonly View[], said: readonly Said[]): string[] {
  return views.flatMap(({ server, history, records }) => {
    const ids = history.map(([id]) => id);
    const set = new Set(ids);
    const lost = said.filter(({ server: by, eventId }) => by === server && !set.has(eventId));
    return [
      ...lost.map(
        ({ eventId, type }) =>
          `lost by ${server}, which acknowledged it: ${type} ${eventId} (${records.standings.get(eventId) ?? "unknown"})`,
      ),
      ...[...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))].map((id) => `told twice by ${server}: ${id}`),
    ];
  });
}

const perServer = (views: readonly View[], of: (view: View, i: number) => string): string =>
  views.map((view, i) => `${view.server} ${of(view, i)}`).join("; ");

/** How many events servers tell differently; where they agree, those that some could not know to be redacted. */
export function countDiffering(views: readonly View[]): number {
  const texts = new Map<string, Set<string>>();
  for (const [id, text] of views.flatMap(({ history }) => history)) texts.set(id, (texts.get(id) ?? new Set()).add(text));
  return [...texts.values()].filter(({ size }) => size > 1).length;
}

/** How many events some servers hide and others show. */
export function countHidden(views: readonly View[]): number {
  const hidden = views.flatMap(({ records }) => [...records.standings].filter(([, standing]) => standing === "soft failed"));
  const shown = new Set(views.flatMap(({ history }) => history.map(([id]) => id)));
  return new Set(hidden.map(([id]) => id).filter((id) => shown.has(id))).size;
}
