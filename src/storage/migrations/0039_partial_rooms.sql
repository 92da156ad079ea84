-- oldest code version: 0.1.0

-- Rooms that were joined without their members (specification: send_join, omit_members), which are fetched behind.
create sequence un_partial_stated_rooms_seq;
create table partial_rooms (
  room_nid int primary key,
  -- Our join: the state before it is still to be had.
  join_nid int8 not null,
  joined_via text not null,
  -- The servers in the room, as that server named them.
  hosts text[] not null,
  -- The position in the stream of rooms that became whole; null before.
  full_at int8 unique
);
