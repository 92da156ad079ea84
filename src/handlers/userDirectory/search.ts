import type { JsonObject } from "../../lib/json";
import { searchDirectory } from "../../storage/userDirectory";
import type { App } from "../app";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";
import { directoryQueries, fold } from "./words";

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 50;

export interface UserSearch {
  readonly term: string;
  readonly limit: number | undefined;
}

/** `POST /user_directory/search`: users who share a room with who asks or are in an open one, best first (client-server API, "User Directory"). */
export async function searchUsers(app: App, requester: Requester, { term, limit = DEFAULT_LIMIT }: UserSearch): Promise<JsonObject> {
  const { user_directory: config } = app.config;
  limitUser(app, requester, "rc_user_directory");
  const folded = fold(term.trim());
  const queries = config.enabled ? directoryQueries(folded) : undefined;
  if (!queries) return { limited: false, results: [] };
  const wanted = Math.min(Math.max(limit, 1), MAX_LIMIT);
  const found = await searchDirectory(app.db, {
    ...queries,
    folded,
    userId: requester.userId,
    limit: wanted + 1,
    everybody: config.search_all_users,
    localOnly: config.exclude_remote_users,
    localFirst: config.prefer_local_users,
    locked: config.show_locked_users,
  });
  const results = found.slice(0, wanted).map(({ userId, displayName, avatarUrl }) => ({
    user_id: userId,
    ...(displayName !== null && { display_name: displayName }),
    ...(avatarUrl !== null && { avatar_url: avatarUrl }),
  }));
  return { limited: found.length > wanted, results };
}
