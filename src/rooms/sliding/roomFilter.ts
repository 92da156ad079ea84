/** What a list of rooms leaves out (MSC4186, "SlidingRoomFilter"). Conditions are joined by "and". */
export interface RoomFilter {
  readonly is_dm?: boolean | null | undefined;
  /** Children of these spaces. */
  readonly spaces?: readonly string[] | null | undefined;
  readonly is_encrypted?: boolean | null | undefined;
  readonly is_invite?: boolean | null | undefined;
  /** null stands for rooms without a type. */
  readonly room_types?: readonly (string | null)[] | null | undefined;
  readonly not_room_types?: readonly (string | null)[] | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly not_tags?: readonly string[] | null | undefined;
}

/** What filters ask of a room. */
export interface FilterableRoom {
  readonly roomId: string;
  readonly membership: string;
  /** Undefined where this server cannot know it: an invitation from elsewhere may not say. */
  readonly encrypted: boolean | undefined;
  /** null: a room without a type; undefined: not known. */
  readonly roomType: string | null | undefined;
}

/** What filters ask of the user's account. */
export interface FilterContext {
  readonly directRooms: ReadonlySet<string>;
  readonly tags: ReadonlyMap<string, ReadonlySet<string>>;
  /** The children of each space that the user is joined to. */
  readonly children: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Whether a room belongs to a list. What is not known matches neither a condition nor its opposite. */
export function passesFilter(filter: RoomFilter, room: FilterableRoom, context: FilterContext): boolean {
  const { is_dm: isDm, is_encrypted: isEncrypted, is_invite: isInvite, room_types: types, not_room_types: notTypes } = filter;
  if (typeof isDm === "boolean" && context.directRooms.has(room.roomId) !== isDm) return false;
  if (typeof isInvite === "boolean" && (room.membership === "invite") !== isInvite) return false;
  if (typeof isEncrypted === "boolean" && room.encrypted !== isEncrypted) return false;
  if ((types ?? notTypes) && room.roomType === undefined) return false;
  if (notTypes?.includes(room.roomType ?? null)) return false;
  if (types && !types.includes(room.roomType ?? null)) return false;
  return passesTags(filter, context.tags.get(room.roomId)) && isInSpaces(filter, room, context);
}

function passesTags({ tags, not_tags: notTags }: RoomFilter, held: ReadonlySet<string> = new Set()): boolean {
  if (notTags?.some((tag) => held.has(tag))) return false;
  return !tags || tags.some((tag) => held.has(tag));
}

function isInSpaces({ spaces }: RoomFilter, { roomId }: FilterableRoom, { children }: FilterContext): boolean {
  return !spaces || spaces.some((space) => children.get(space)?.has(roomId));
}

/** Whether a condition needs facts of the kind. */
export const asksForFacts = (filter: RoomFilter): boolean =>
  typeof filter.is_encrypted === "boolean" || Boolean(filter.room_types ?? filter.not_room_types);
export const asksForTags = (filter: RoomFilter): boolean => Boolean(filter.tags ?? filter.not_tags);
