import { invalidParam, notFound } from "../../errors";
import { isJsonObject, own, parseJson } from "../../lib/json";
import type { JsonValue } from "../../lib/json";
import { getMedia } from "../../storage/media";
import type { MediaKey, MediaRow } from "../../storage/media";
import { mediaOfUser, textsWithMedia, unusedCopies, unusedOwnMedia } from "../../storage/mediaLists";
import type { MediaPage } from "../../storage/mediaLists";
import { protectMedia, quarantineMedia, quarantineMediaOfUser, releaseMedia } from "../../storage/quarantine";
import { refuse, requireOwn } from "../admin/targets";
import type { Requester } from "../requester";
import type { MediaApp } from "./media";
import { removeAll, removeMedia } from "./remove";

export type AdminPage = MediaPage;

/** Before 1980, as a check that somebody means milliseconds. */
const EARLIEST_MS = 30_000_000_000;
const TEXTS = 500;
const KEYS = ["url", "thumbnail_url"];

export async function quarantineOne({ db }: MediaApp, { userId }: Requester, key: MediaKey): Promise<void> {
  await db.tx((tx) => quarantineMedia(tx, [key], userId));
}

export async function releaseOne({ db }: MediaApp, key: MediaKey): Promise<void> {
  await db.tx((tx) => releaseMedia(tx, key));
}

export async function quarantineOfUser(app: MediaApp, { userId }: Requester, target: string): Promise<number> {
  await requireLocalUser(app, target);
  return app.db.tx((tx) => quarantineMediaOfUser(tx, target, userId));
}

export async function quarantineOfRoom(app: MediaApp, { userId }: Requester, roomId: string): Promise<number> {
  const keys = await mediaInRoom(app, roomId);
  return keys.length === 0 ? 0 : app.db.tx((tx) => quarantineMedia(tx, keys, userId));
}

/** 404 for media that is not here. */
export async function protect({ db, serverName }: MediaApp, mediaId: string, change: "protect" | "unprotect"): Promise<void> {
  if (!(await protectMedia(db, { origin: serverName, mediaId }, change === "protect"))) throw notFound("Unknown media");
}

/** Media that events of a room refer to, as far as they are not encrypted. */
export async function mediaInRoom({ db }: Pick<MediaApp, "db">, roomId: string): Promise<MediaKey[]> {
  const found = new Map<string, MediaKey>();
  let after = 0;
  for (;;) {
    const texts = await textsWithMedia(db, roomId, after, TEXTS);
    for (const { json } of texts) for (const uri of mediaUrisOf(parseJson(json))) addKey(found, uri);
    const last = texts.at(-1);
    if (texts.length < TEXTS || !last) return [...found.values()];
    after = last.nid;
  }
}

function addKey(found: Map<string, MediaKey>, uri: string): void {
  const [, origin, mediaId] = /^mxc:\/\/([^/]+)\/([^/?#]+)/.exec(uri) ?? [];
  if (origin !== undefined && mediaId !== undefined) found.set(uri, { origin, mediaId });
}

/** `content.url`, `content.info.thumbnail_url`, and the same of what replaces it. */
function mediaUrisOf(event: JsonValue): string[] {
  const content = isJsonObject(event) ? own(event, "content") : undefined;
  if (!isJsonObject(content)) return [];
  const places = [content, own(content, "info"), own(content, "m.new_content")].filter(isJsonObject);
  return places.flatMap((place) => KEYS.map((key) => own(place, key))).filter((uri) => typeof uri === "string");
}

export async function requireMedia({ db }: MediaApp, key: MediaKey): Promise<MediaRow> {
  const media = await getMedia(db, key);
  if (!media) throw notFound("Unknown media");
  return media;
}

/** Gives the ids of what was removed. */
export async function deleteOne(app: MediaApp, key: MediaKey): Promise<string[]> {
  if (key.origin !== app.serverName) throw refuse("Can only delete local media");
  await requireMedia(app, key);
  return removeMedia(app, [key]);
}

export async function deleteUnused(
  app: MediaApp,
  { beforeTs, sizeGt, keepProfiles }: { beforeTs: number; sizeGt: number; keepProfiles: boolean },
): Promise<string[]> {
  checkTime(beforeTs);
  const options = { before: beforeTs, largerThan: sizeGt, keepProfiles };
  return removeAll(app, (limit) => unusedOwnMedia(app.db, app.serverName, { ...options, limit }));
}

export async function purgeCopies(app: MediaApp, beforeTs: number): Promise<number> {
  checkTime(beforeTs);
  return (await removeAll(app, (limit) => unusedCopies(app.db, app.serverName, { before: beforeTs, limit }))).length;
}

function checkTime(ts: number): void {
  if (ts < EARLIEST_MS)
    throw invalidParam(
      "Query parameter before_ts you provided is from the year 1970. Double check that you are providing a timestamp in milliseconds.",
    );
}

export async function listOfUser(app: MediaApp, userId: string, page: MediaPage): ReturnType<typeof mediaOfUser> {
  await requireLocalUser(app, userId);
  return mediaOfUser(app.db, userId, page);
}

export async function deleteOfUser(app: MediaApp, userId: string, page: MediaPage): Promise<string[]> {
  const { media } = await listOfUser(app, userId, page);
  return removeMedia(
    app,
    media.map(({ media_id: mediaId }) => ({ origin: app.serverName, mediaId })),
  );
}

async function requireLocalUser({ db, serverName }: MediaApp, userId: string): Promise<void> {
  await requireOwn({ db, serverName }, userId, { unknown: "Unknown user" });
}
