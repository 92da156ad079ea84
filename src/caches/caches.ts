import type { Config } from "../config/config";
import type { Turns } from "../lib/turns";
import type { Db } from "../storage/db";
import { createEventReader } from "./events";
import type { EventReader } from "./events";
import { createJoinedMembers } from "./joinedMembers";
import type { JoinedMembers } from "./joinedMembers";
import { createMemberships } from "./memberships";
import type { Memberships } from "./memberships";
import { createPartialRooms } from "./partialRooms";
import type { PartialRooms } from "./partialRooms";
import { createRelations } from "./relations";
import type { Relations } from "./relations";
import { createRoomDirectory } from "./rooms";
import type { RoomDirectory } from "./rooms";
import { createRoomGlances } from "./roomGlances";
import type { RoomGlances } from "./roomGlances";
import { createRoomState } from "./roomState";
import type { RoomState } from "./roomState";
import { createRoomTails } from "./roomTails";
import type { RoomTails } from "./roomTails";
import { createStateGroupCache } from "./stateGroups";
import type { StateGroup } from "./stateGroups";
import type { Cache } from "./cache";
import { createStateKeys } from "./stateKeys";
import type { StateKeys } from "./stateKeys";

/** What a process remembers of rooms. All bounded; emptied and moved on by the events stream only. */
export interface Caches {
  readonly rooms: RoomDirectory;
  readonly stateKeys: StateKeys;
  readonly stateGroups: Cache<number, StateGroup>;
  readonly events: EventReader;
  readonly roomState: RoomState;
  readonly memberships: Memberships;
  readonly tails: RoomTails;
  readonly relations: Relations;
  readonly glances: RoomGlances;
  readonly joinedMembers: JoinedMembers;
  readonly partialRooms: PartialRooms;
}

const MIB = 1024 * 1024;

/** Where a process stands in streams that caches have to do with. */
export interface CachePositions {
  /** In the events stream when this process began to listen. */
  readonly events: () => number;
  readonly unPartialStatedRoom: () => number;
}

export interface CachesDeps {
  readonly db: Db;
  readonly turns: Turns;
  readonly serverName: string;
  readonly config: Pick<Config, "caches" | "forget_rooms_on_leave">;
  readonly positions: CachePositions;
}

export function createCaches(deps: CachesDeps): Caches {
  const { db, turns, serverName, config, positions } = deps;
  const { global_factor: factor } = config.caches;
  const eventsHead = positions.events;
  const scaled = (size: number): number => Math.max(1, Math.round(size * factor));
  const rooms = createRoomDirectory(db, scaled(40_000));
  const stateKeys = createStateKeys(db, scaled(100_000));
  const stateGroups = createStateGroupCache(db, turns, scaled(24 * MIB));
  const events = createEventReader(db, rooms, { bytes: scaled(48 * MIB), ids: scaled(40_000) });
  const roomState = createRoomState({ db, groups: stateGroups, keys: stateKeys, events }, scaled(24 * MIB));
  return {
    rooms,
    stateKeys,
    stateGroups,
    events,
    roomState,
    joinedMembers: createJoinedMembers({ db, turns, roomState }, scaled(8 * MIB)),
    memberships: createMemberships(db, {
      serverName,
      forgetsLeft: config.forget_rooms_on_leave,
      users: scaled(400_000),
      rooms: scaled(400_000),
    }),
    tails: createRoomTails(eventsHead, scaled(20_000)),
    partialRooms: createPartialRooms(db, positions.unPartialStatedRoom),
    glances: createRoomGlances(db, scaled(40_000)),
    relations: createRelations(db, eventsHead, { entries: scaled(20_000), targets: scaled(100_000) }),
  };
}
