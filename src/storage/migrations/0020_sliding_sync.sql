-- oldest code version: 0.1.0

-- Sync loops of clients (MSC4186). A new id each time that the client starts anew.
create sequence sliding_sync_connections_seq;
create sequence sliding_sync_positions_seq;
create table sliding_sync_connections (
  connection_id int8 not null unique,
  user_id text not null,
  device_id text not null,
  -- The client's name for it; '' where it has none.
  conn_id text not null,
  used_ts int8 not null,
  primary key (user_id, device_id, conn_id)
);
create index sliding_sync_connections_used on sliding_sync_connections (used_ts);

-- What the client knows at a position: JSON. A position never changes; the last one that the client came with and those made from it
-- are kept, since a client that lost an answer asks again.
create table sliding_sync_positions (
  position int8 primary key,
  connection_id int8 not null,
  state text not null
);
create index sliding_sync_positions_connection on sliding_sync_positions (connection_id, position);

-- The newest event that moves a room up in the lists of clients.
create index events_bump on events (room_nid, stream_ordering) where type in
  ('m.room.create', 'm.room.message', 'm.room.encrypted', 'm.sticker', 'm.call.invite', 'm.poll.start', 'm.beacon_info');
