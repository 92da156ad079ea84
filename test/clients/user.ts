import type { ICreateClientOpts, MatrixClient, MatrixError, MatrixEvent, Room } from "matrix-js-sdk";
import type { SlidingSync } from "matrix-js-sdk/lib/sliding-sync";
import { eventually } from "../builders/eventually";
import type { Sdk } from "./sdk";

/** A person with an unmodified client. What the client knows comes from its own sync. */
export interface User {
  readonly client: MatrixClient;
  readonly userId: string;
  /** The room once the client knows of it. */
  room(roomId: string): Promise<Room>;
  /** Waits until the client has the event, and gives it. */
  sees(roomId: string, eventId: string): Promise<MatrixEvent>;
  /** Waits until the client's picture of a room is as wanted. */
  until(roomId: string, condition: (room: Room) => boolean): Promise<void>;
}

export const PASSWORD = "sUp3r s3kr1t";
/** So few that the client has to page back. */
const INITIAL_EVENTS = 5;
export const PATIENCE_MS = 20_000;

/** What a client is given besides its account. */
export interface Preparation {
  readonly options?: Partial<ICreateClientOpts>;
  /** Runs before the client syncs for the first time. */
  prepare?(client: MatrixClient): Promise<void>;
  /** In place of the usual `/sync`. */
  slidingSync?(client: MatrixClient): SlidingSync;
}

export interface Account {
  readonly user_id: string;
  readonly device_id?: string | undefined;
  readonly access_token?: string | undefined;
}

export async function register(sdk: Sdk, baseUrl: string, username: string): Promise<User> {
  return start(sdk, baseUrl, await createAccount(sdk, baseUrl, username));
}

/** The same user with one more device, which knows nothing yet. */
export async function login(sdk: Sdk, baseUrl: string, userId: string): Promise<User> {
  return start(sdk, baseUrl, await createDevice(sdk, baseUrl, userId));
}

export async function createAccount(sdk: Sdk, baseUrl: string, username: string): Promise<Account> {
  const unknown = sdk.createClient({ baseUrl });
  // the first request of every client is refused, with the stages
  const refused = await unknown.registerRequest({ username, password: PASSWORD }).catch((error: MatrixError) => error);
  if (!("data" in refused)) throw new Error("nobody asked for a stage");
  const auth = { type: "m.login.dummy", session: refused.data["session"] as string };
  const account = await unknown.registerRequest({ username, password: PASSWORD, auth });
  return account;
}

export async function createDevice(sdk: Sdk, baseUrl: string, userId: string): Promise<Account> {
  const identifier = { type: "m.id.user", user: userId };
  return sdk.createClient({ baseUrl }).loginRequest({ type: "m.login.password", identifier, password: PASSWORD });
}

/** A client of a device, once it has what its first sync tells it. */
export async function start(sdk: Sdk, baseUrl: string, account: Account, preparation: Preparation = {}): Promise<User> {
  const { user_id: userId, device_id: deviceId = "", access_token: accessToken = "" } = account;
  const client = sdk.createClient({ baseUrl, userId, deviceId, accessToken, timelineSupport: true, ...preparation.options });
  await preparation.prepare?.(client);
  const slidingSync = preparation.slidingSync?.(client);
  const mode = slidingSync ? { slidingSync } : { initialSyncLimit: INITIAL_EVENTS };
  await client.startClient({ ...mode, lazyLoadMembers: true, threadSupport: true });
  await eventually(() => client.getSyncState() === sdk.SyncState.Syncing, PATIENCE_MS);
  const known = (roomId: string): Room | undefined => client.getRoom(roomId) ?? undefined;
  const user: User = {
    client,
    userId,
    async room(roomId) {
      await eventually(() => known(roomId) !== undefined, PATIENCE_MS);
      return known(roomId) as Room;
    },
    async sees(roomId, eventId) {
      // a local echo has the event's id already, and no age
      const find = (): MatrixEvent | undefined => known(roomId)?.findEventById(eventId);
      await eventually(() => find() !== undefined && find()?.status === null, PATIENCE_MS);
      return find() as MatrixEvent;
    },
    async until(roomId, condition) {
      const room = await user.room(roomId);
      await eventually(() => condition(room), PATIENCE_MS);
    },
  };
  return user;
}
