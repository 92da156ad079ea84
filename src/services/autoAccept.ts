import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../handlers/app";
import { createKeyedQueue } from "../lib/keyedQueue";
import { acceptInvitation, isInvitationHere } from "../handlers/rooms/autoAccept";
import type { Invitation } from "../handlers/rooms/autoAccept";
import { eventsStream } from "../streams/events";
import { startConsumer } from "./consumer";

/** Servers that answer slowly hold the others up no longer than this; what is under way then goes on beside them. */
const PATIENCE_MS = 10_000;

/** Accepts invitations behind the events stream, from when that was switched on (`auto_accept_invites`). Gives the way to stop. */
export function startAutoAccept(app: App): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const users = createKeyedQueue();
  async function accept(invitation: Invitation): Promise<void> {
    try {
      await users.run(invitation.stateKey, () => acceptInvitation(app, invitation, signal));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  const stop = startConsumer(app, {
    name: "auto_accept_invites",
    duty: "auto_accept_invites",
    stream: eventsStream,
    concerns: (row) => isInvitationHere(app, row),
    begin: () => Promise.resolve(),
    async handle(rows) {
      const accepted = rows.map(({ row }) => (isInvitationHere(app, row) ? accept(row) : undefined));
      await Promise.race([Promise.all(accepted), sleep(PATIENCE_MS, undefined, { ref: false })]);
    },
  });
  return async () => {
    stopping.abort();
    await stop();
  };
}
