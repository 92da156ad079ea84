import type { MatrixClient, MatrixEvent, Room } from "matrix-js-sdk";
import type * as Sdk from "matrix-js-sdk";
import { eventually } from "../builders/eventually";

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

const PASSWORD = "sUp3r s3kr1t";
/** So few that the client has to page back. */
const INITIAL_EVENTS = 5;
const PATIENCE_MS = 20_000;

export async function register(sdk: typeof Sdk, baseUrl: string, username: string): Promise<User> {
  const unknown = sdk.createClient({ baseUrl });
  // the first request of every client is refused, with the stages
  const refused = await unknown.registerRequest({ username, password: PASSWORD }).catch((error: Sdk.MatrixError) => error);
  if (!("data" in refused)) throw new Error("nobody asked for a stage");
  const auth = { type: "m.login.dummy", session: refused.data["session"] as string };
  const account = await unknown.registerRequest({ username, password: PASSWORD, auth });
  return start(sdk, baseUrl, account);
}

/** The same user with one more device, which knows nothing yet. */
export async function login(sdk: typeof Sdk, baseUrl: string, userId: string): Promise<User> {
  const identifier = { type: "m.id.user", user: userId };
  const account = await sdk.createClient({ baseUrl }).loginRequest({ type: "m.login.password", identifier, password: PASSWORD });
  return start(sdk, baseUrl, account);
}

interface Account {
  readonly user_id: string;
  readonly device_id?: string | undefined;
  readonly access_token?: string | undefined;
}

async function start(sdk: typeof Sdk, baseUrl: string, account: Account): Promise<User> {
  const { user_id: userId, device_id: deviceId = "", access_token: accessToken = "" } = account;
  const client = sdk.createClient({ baseUrl, userId, deviceId, accessToken, timelineSupport: true });
  await client.startClient({ initialSyncLimit: INITIAL_EVENTS, lazyLoadMembers: true, threadSupport: true });
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
