-- oldest code version: 0.1.0

-- Facts about this database that must never change, such as the server name it belongs to.
create table server_facts (name text primary key, value text not null);

-- Strings that occur everywhere are interned: rooms, (type, state_key) pairs and events have small integer ids.
create table rooms (
  room_nid int primary key,
  room_id text not null unique,
  version text not null,
  creator text,
  is_public boolean not null default false,
  blocked_by text,
  created_ts int8 not null default 0
);
create index rooms_public on rooms (room_nid) where is_public;

-- Member events have the keys from 2^30 on, so that in a state sorted by key the members are the tail.
create sequence state_keys_seq;
create sequence state_member_keys_seq start 1073741824 minvalue 1073741824;
create table state_keys (
  key_nid int primary key,
  type text not null,
  state_key text not null,
  unique (type, state_key)
);

-- Processes take ids in blocks, so that the ids of rooms, events and state groups are known before they are stored.
create sequence rooms_nid_seq increment by 256;
create sequence events_nid_seq increment by 256;
create sequence state_groups_seq increment by 256;
create sequence events_stream_seq;

create table events (
  nid int8 primary key,
  -- Commit-ordered position; negative for history fetched later; null for outliers.
  stream_ordering int8 unique,
  room_nid int not null,
  event_id text not null unique,
  type text not null,
  state_key text,
  sender text not null,
  depth int8 not null,
  origin_server_ts int8 not null,
  received_ts int8 not null,
  -- Canonical JSON of the PDU as it was signed.
  json text not null,
  -- The state after this event; null for outliers.
  state_group int8,
  -- What this state event took the place of.
  replaces_nid int8,
  redacts text,
  redacted_by text,
  rejected text,
  soft_failed boolean not null default false,
  contains_url boolean not null default false,
  txn_device text,
  txn_id text
);
create index events_room_stream on events (room_nid, stream_ordering);
create index events_room_depth on events (room_nid, depth, stream_ordering) where stream_ordering is not null;
create index events_member on events (state_key, stream_ordering) where type = 'm.room.member';
create unique index events_txn on events (sender, txn_device, room_nid, txn_id) where txn_id is not null;
create index events_redacts on events (redacts) where redacts is not null;
create index events_room_ts on events (room_nid, origin_server_ts) where stream_ordering is not null;

-- A delta on a parent, or a full snapshot where there is none. keys and nids are parallel.
create table state_groups (
  id int8 primary key,
  room_nid int not null,
  prev_id int8,
  -- Deltas up to the nearest snapshot, and how many entries they hold together.
  hops int not null,
  weight int not null,
  keys int4[] not null,
  nids int8[] not null
);

-- Where a room stands. The writer compares and bumps tip_version, so a second writer by mistake fails and never forks the room.
create table room_tips (
  room_nid int primary key,
  tip_version int8 not null,
  extremities int8[] not null,
  depth int8 not null,
  state_group int8 not null,
  latest_stream int8 not null
) with (fillfactor = 50);

-- How the current state moved, in stream order: the state at any past position is the current one with later moves undone.
create table current_state_deltas (
  room_nid int not null,
  stream_ordering int8 not null,
  key_nid int not null,
  prev_nid int8,
  nid int8,
  primary key (room_nid, stream_ordering, key_nid)
);

-- The current membership of each user in each room.
create table room_members (
  room_nid int not null,
  user_id text not null,
  membership text not null,
  sender text not null,
  event_nid int8 not null,
  stream_ordering int8 not null,
  is_local boolean not null,
  forgotten boolean not null default false,
  display_name text,
  avatar_url text,
  primary key (room_nid, user_id)
);
create index room_members_user on room_members (user_id, membership);
create index room_members_joined on room_members (room_nid) where membership = 'join';

-- What listings and summaries show of a room; derived from its current state.
create table room_stats (
  room_nid int primary key,
  name text,
  topic text,
  canonical_alias text,
  avatar_url text,
  join_rule text,
  history_visibility text,
  guest_access text,
  encryption text,
  room_type text,
  joined_members int not null default 0,
  invited_members int not null default 0,
  local_members int not null default 0
);

create table event_relations (
  nid int8 primary key,
  room_nid int not null,
  relates_to text not null,
  rel_type text not null,
  aggregation_key text,
  type text not null,
  sender text not null,
  stream_ordering int8 not null
);
create index event_relations_target on event_relations (room_nid, relates_to, rel_type, stream_ordering);
create index event_relations_threads on event_relations (room_nid, rel_type, stream_ordering) where rel_type = 'm.thread';

create table room_aliases (
  alias text primary key,
  room_id text not null,
  creator text
);
create index room_aliases_room on room_aliases (room_id);

-- What an invitation from a room elsewhere says of the room. JSON text.
create table stripped_states (nid int8 primary key, state text not null);
