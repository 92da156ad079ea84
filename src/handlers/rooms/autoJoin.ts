import type { App } from "../app";
import { requesterFor } from "../requester";
import { localpartOf } from "../../rooms/ids";
import { getAliases } from "../../storage/aliases";
import { createRoom } from "./createRoom";
import { changeMembership } from "./membership";

/**
 * Brings a new user into the rooms of `auto_join_rooms`. Missing local ones are made by `auto_join_mxid_localpart`, or else by the first
 * user who comes by. Failures are logged and never fail a registration.
 */
export async function autoJoin(app: App, userId: string, { isGuest }: { readonly isGuest: boolean }): Promise<void> {
  const { auto_join_rooms: aliases, auto_join_rooms_for_guests: guestsToo } = app.config;
  if (isGuest && !guestsToo) return;
  const log = app.log("synapse.handlers.register");
  for (const alias of aliases) {
    try {
      await joinOrCreate(app, userId, alias);
    } catch (error) {
      log.warn(`Failed to join new user ${userId} to ${alias}`, { error });
    }
  }
}

async function joinOrCreate(app: App, userId: string, alias: string): Promise<void> {
  const owner = app.config.auto_join_mxid_localpart;
  const ownerId = owner === undefined ? undefined : `@${owner}:${app.serverName}`;
  const [known] = await getAliases(app.db, [alias]);
  const roomId = known?.roomId ?? (await createAutoJoinRoom(app, ownerId ?? userId, alias));
  if (roomId === undefined || (known === undefined && ownerId === undefined)) return;
  if (ownerId !== undefined && ownerId !== userId && app.config.autocreate_auto_join_room_preset !== "public_chat") {
    await changeMembership(app, requesterFor(ownerId), { roomId, target: userId, action: "invite", exemptFromLimits: true });
  }
  await changeMembership(app, requesterFor(userId), { roomId, target: userId, action: "join" });
}

async function createAutoJoinRoom(app: App, creator: string, alias: string): Promise<string | undefined> {
  const {
    autocreate_auto_join_rooms: mayCreate,
    autocreate_auto_join_rooms_federated: federated,
    autocreate_auto_join_room_preset: preset,
  } = app.config;
  if (!mayCreate || !alias.endsWith(`:${app.serverName}`)) return undefined;
  const made = await createRoom(app, requesterFor(creator), {
    preset: preset as "public_chat" | "private_chat" | "trusted_private_chat",
    roomAliasName: localpartOf(alias),
    ...(!federated && { creationContent: { "m.federate": false } }),
  });
  return made.roomId;
}
