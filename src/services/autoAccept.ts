import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../handlers/app";
import { createKeyedQueue } from "../lib/keyedQueue";
import { waitAtMost } from "../lib/waitAtMost";
import { acceptInvitation, isInvitationHere } from "../handlers/rooms/autoAccept";
import type { Invitation } from "../handlers/rooms/autoAccept";
import { eventsStream } from "../streams/events";
import { startConsumer } from "./consumer";

/** Servers that answer slowly hold the others up no longer than this; what is under way then goes on beside them. */
const PATIENCE_MS = 10_000;
/** Between attempts while the database, or the room's owner, is away. */
const RETRY_MS = 5_000;

/**
 * Accepts invitations behind the events stream, from when that was switched on (`auto_accept_invites`). One that is under way when the
 * process ends is begun anew by whoever has the duty next. Gives the way to stop.
 */
export function startAutoAccept(app: App, { patienceMs = PATIENCE_MS } = {}): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const users = createKeyedQueue();
  /** Ids in the stream, in its order. */
  const underWay = new Set<number>();

  async function accept(id: number, invitation: Invitation): Promise<void> {
    while (!signal.aborted) {
      try {
        await users.run(invitation.stateKey, () => acceptInvitation(app, invitation, signal));
        underWay.delete(id);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const { roomId, stateKey } = invitation;
        app.log("synapse.events.auto_accept_invites").warn(`${stateKey} cannot accept the invitation to ${roomId} yet`, { error });
        await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  const consumer = startConsumer(app, {
    name: "auto_accept_invites",
    duty: "auto_accept_invites",
    stream: eventsStream,
    concerns: (row) => isInvitationHere(app, row),
    begin: () => Promise.resolve(),
    unfinished: () => underWay.values().next().value,
    async handle(rows) {
      const accepted = rows.map(({ id, row }) => {
        if (!isInvitationHere(app, row)) return undefined;
        underWay.add(id);
        return accept(id, row);
      });
      await waitAtMost(Promise.all(accepted), patienceMs);
    },
  });
  return async () => {
    stopping.abort();
    await consumer.stop();
  };
}
