import { eventually } from "../builders/eventually";
import type { CryptoUser } from "./cryptoUser";

/** A private room of the first of them that the others have joined. Whoever is in it sees them all there. */
export async function createEncryptedRoom(owner: CryptoUser, others: readonly CryptoUser[]): Promise<string> {
  const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
  const { room_id: roomId } = await owner.client.createRoom({ initial_state: [encryption] });
  for (const other of others) await bringIn(owner, roomId, other);
  return roomId;
}

export async function bringIn(owner: CryptoUser, roomId: string, other: CryptoUser): Promise<void> {
  await owner.client.invite(roomId, other.userId);
  await other.until(roomId, (room) => room.getMyMembership() === "invite");
  await other.client.joinRoom(roomId);
  await owner.until(roomId, (room) => room.getMember(other.userId)?.membership === "join");
  await other.until(roomId, (room) => room.getMyMembership() === "join");
  await eventually(() => other.crypto.isEncryptionEnabledInRoom(roomId));
}
