import type { App } from "../handlers/app";
import {
  addQuietAccounts,
  buildDirectory,
  concernsDirectory,
  refreshAfter,
  refreshMembers,
  refreshUsers,
} from "../handlers/userDirectory/refresh";
import { accountsStream } from "../streams/accounts";
import { eventsStream } from "../streams/events";
import { unPartialStatedRoomStream } from "../streams/unPartialStatedRoom";
import { startConsumer } from "./consumer";

const duty = "user_directory";

/** Keeps the user directory in step with rooms and accounts. Gives the way to stop. */
export function startUserDirectory(app: App): () => Promise<void> {
  const consumers = [
    startConsumer(app, {
      name: "user_directory",
      duty,
      stream: eventsStream,
      concerns: concernsDirectory,
      handle: (rows) =>
        refreshAfter(
          app,
          rows.map(({ row }) => row),
          app.ownership.fence(duty),
        ),
      begin: (signal) => buildDirectory(app, signal),
    }),
    startConsumer(app, {
      name: "user_directory_accounts",
      duty,
      stream: accountsStream,
      concerns: ({ what }) => what !== "tokens",
      handle: (rows) => refreshUsers(app, new Set(rows.map(({ row }) => row.userId)), app.ownership.fence(duty)),
      // The build for the events stream covers the accounts, too.
      begin: () => Promise.resolve(),
    }),
    startConsumer(app, {
      name: "user_directory_rooms",
      duty,
      stream: unPartialStatedRoomStream,
      concerns: () => true,
      handle: (rows) =>
        refreshMembers(
          app,
          rows.map(({ row }) => row.roomNid),
          app.ownership.fence(duty),
        ),
      begin: () => Promise.resolve(),
    }),
  ];
  const ending = new AbortController();
  // A directory of everybody shows accounts that were made before it did.
  if (app.config.user_directory.search_all_users && app.ownership.isMine(duty)) {
    app.background("user_directory_fill", () => addQuietAccounts(app, ending.signal));
  }
  return async () => {
    ending.abort();
    await Promise.all(consumers.map((consumer) => consumer.stop()));
  };
}
