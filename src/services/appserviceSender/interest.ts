import { createCache } from "../../caches/cache";
import type { Cache } from "../../caches/cache";
import type { RoomInfo } from "../../caches/rooms";
import type { AppService } from "../../config/appservices";
import type { App } from "../../handlers/app";
import { ownsUser } from "../../handlers/auth/appserviceAuth";
import { hostOf } from "../../caches/memberships";
import { createLru } from "../../lib/lru";
import { aliasesOfRooms } from "../../storage/aliases";
import type { EventStreamRow } from "../../storage/events";
import { ALIASES_OF_ROOM, cachesStream } from "../../streams/caches";
import { eventsStream } from "../../streams/events";

/** Which services a room concerns: by its id or aliases, and by members of this server in their namespaces. */
interface RoomInterest {
  readonly named: ReadonlySet<AppService>;
  readonly members: Map<AppService, Set<string>>;
}

export interface Interest {
  /** Whether the user is the service's own: its sender, or in its namespace. */
  inUser(service: AppService, userId: string): boolean;
  /** Of the rooms, by number, those that concern the service. */
  inRooms(service: AppService, roomNids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Its own users who are in any of the rooms. */
  membersOf(service: AppService, roomNids: readonly number[]): Promise<ReadonlySet<string>>;
  /** Stops following the streams. */
  stop(): void;
}

type InterestApp = Pick<App, "caches" | "config" | "db" | "metrics" | "serverName" | "streams">;

const MAX_USERS = 50_000;
const MAX_PLACES = 200_000;
/** What an entry without members takes, in places. */
const ENTRY_SIZE = 3;

/** The services to which a user belongs. */
type Owners = (userId: string) => readonly AppService[];

function createOwners(services: readonly AppService[]): Owners {
  const owners = createLru<string, readonly AppService[]>(MAX_USERS);
  return (userId) => {
    let found = owners.get(userId);
    if (!found) owners.set(userId, (found = services.filter((service) => ownsUser(service, userId))));
    return found;
  };
}

const isNamed = ({ namespaces }: AppService, roomId: string, aliases: readonly string[]): boolean =>
  namespaces.rooms.some(({ matches }) => matches(roomId)) ||
  aliases.some((alias) => namespaces.aliases.some(({ matches }) => matches(alias)));

const roomIdsOf = (rooms: ReadonlyMap<number, RoomInfo>): string[] => [...rooms.values()].map(({ roomId }) => roomId);

function createRooms({ caches, config, db }: InterestApp, services: readonly AppService[], ownersOf: Owners): Cache<number, RoomInterest> {
  const byAlias = services.filter(({ namespaces }) => namespaces.aliases.length > 0);
  return createCache<number, RoomInterest>({
    name: "appservice_rooms",
    max: Math.max(1, Math.round(MAX_PLACES * config.caches.global_factor)),
    sizeOf: ({ members }) => [...members.values()].reduce((sum, users) => sum + users.size, ENTRY_SIZE),
    load: async (nids) => {
      const [infos, members] = await Promise.all([caches.rooms.byNids(nids), caches.memberships.ofRooms(nids)]);
      const aliases = byAlias.length > 0 ? await aliasesOfRooms(db, roomIdsOf(infos)) : [];
      return [...infos].map(([nid, { roomId }]) => {
        const here = aliases.filter((row) => row.roomId === roomId).map(({ alias }) => alias);
        const named = services.filter((service) => isNamed(service, roomId, here));
        return [nid, { named: new Set(named), members: membersOf(ownersOf, members.get(nid)?.local.keys() ?? []) }];
      });
    },
  });
}

/** Answers out of memory which events concern application services (application service API, "Registration": namespaces). */
export function createInterest(app: InterestApp, services: readonly AppService[]): Interest {
  const { caches, serverName, streams } = app;
  const ownersOf = createOwners(services);
  const rooms = createRooms(app, services, ownersOf);
  app.metrics.watchCache(rooms.stats);

  function applyEvent(row: EventStreamRow): void {
    if (row.resets) return rooms.delete(row.roomNid);
    if (row.membership === null || row.stateKey === null || hostOf(row.stateKey) !== serverName) return;
    const found = ownersOf(row.stateKey);
    if (found.length === 0) return;
    const known = rooms.get(row.roomNid);
    if (!known) return rooms.delete(row.roomNid);
    for (const service of found) {
      if (row.membership === "join") addMember(known.members, service, row.stateKey);
      else known.members.get(service)?.delete(row.stateKey);
    }
    rooms.resized(row.roomNid);
  }

  const stops = [
    streams.subscribe(eventsStream, (rows) => {
      for (const { row } of rows) applyEvent(row);
    }),
    streams.subscribe(cachesStream, (rows) => {
      for (const { row } of rows) if (row.cache === ALIASES_OF_ROOM) forgetRoom(row.key);
    }),
  ];

  const forgetting = new Set<Promise<void>>();

  /** The alias may have been made before the room was, so that its number is not known. */
  function forgetRoom(roomId: string): void {
    const done = caches.rooms
      .byId(roomId)
      .then(
        (room) => room && rooms.delete(room.nid),
        () => rooms.clear(),
      )
      .finally(() => forgetting.delete(done));
    forgetting.add(done);
  }

  async function load(roomNids: readonly number[]): Promise<ReadonlyMap<number, RoomInterest>> {
    await Promise.all(forgetting);
    return rooms.loadMany(roomNids);
  }

  return {
    inUser: (service, userId) => ownersOf(userId).includes(service),
    async inRooms(service, roomNids) {
      const found = await load(roomNids);
      const isConcerned = ({ named, members }: RoomInterest): boolean => named.has(service) || (members.get(service)?.size ?? 0) > 0;
      return new Set([...found].filter(([, interest]) => isConcerned(interest)).map(([nid]) => nid));
    },
    async membersOf(service, roomNids) {
      const found = await load(roomNids);
      return new Set([...found.values()].flatMap(({ members }) => [...(members.get(service) ?? [])]));
    },
    stop: () => stops.forEach((stop) => stop()),
  };
}

function membersOf(ownersOf: Owners, local: Iterable<string>): Map<AppService, Set<string>> {
  const members = new Map<AppService, Set<string>>();
  for (const userId of local) for (const service of ownersOf(userId)) addMember(members, service, userId);
  return members;
}

function addMember(members: Map<AppService, Set<string>>, service: AppService, userId: string): void {
  const users = members.get(service);
  if (users) users.add(userId);
  else members.set(service, new Set([userId]));
}
