-- oldest code version: 0.1.0

create sequence account_data_stream_seq;
create sequence receipts_stream_seq;
create sequence to_device_stream_seq;

-- What clients keep about their account; room_id is '' for what belongs to no room. Tags are the type m.tag of a room.
create table account_data (
  user_id text not null,
  room_id text not null default '',
  type text not null,
  stream_id int8 not null,
  content text not null,
  -- Where the event of an m.fully_read marker stands, so that the marker never moves back.
  event_ordering int8,
  primary key (user_id, room_id, type)
);
create index account_data_user on account_data (user_id, stream_id);
create index account_data_stream on account_data (stream_id);

-- m.ignored_user_list taken apart, because it is asked from both sides.
create table ignored_users (
  ignorer text not null,
  ignored text not null,
  primary key (ignorer, ignored)
);
create index ignored_users_ignored on ignored_users (ignored);

-- Filters never change; equal ones of a user share an id.
create table user_filters (
  user_id text not null,
  filter_id int not null,
  filter text not null,
  digest text not null,
  primary key (user_id, filter_id),
  unique (user_id, digest)
);

-- The latest receipt of each user, type and thread of a room; thread_id is '' for unthreaded ones.
create table receipts (
  room_id text not null,
  user_id text not null,
  receipt_type text not null,
  thread_id text not null default '',
  stream_id int8 not null,
  event_id text not null,
  -- Null while the event is not here.
  event_ordering int8,
  data text not null,
  primary key (room_id, user_id, receipt_type, thread_id)
) with (fillfactor = 80);
create index receipts_room on receipts (room_id, stream_id);
create index receipts_stream on receipts (stream_id);
create index receipts_user on receipts (user_id, room_id);

-- What waits for a device until it syncs with a later token. message: {"type", "sender", "content"} as the client gets it.
create table to_device_inbox (
  user_id text not null,
  device_id text not null,
  stream_id int8 not null,
  message text not null,
  primary key (user_id, device_id, stream_id)
);
create index to_device_inbox_stream on to_device_inbox (stream_id);

-- What waits to be sent to another server: contents of m.direct_to_device.
create table to_device_outbox (
  destination text not null,
  stream_id int8 not null,
  content text not null,
  queued_ts int8 not null,
  primary key (destination, stream_id)
);
create index to_device_outbox_stream on to_device_outbox (stream_id);

-- Transactions of clients, and message ids of servers (device_id ''), that have been taken in already.
create table to_device_txns (
  sender text not null,
  device_id text not null,
  txn_id text not null,
  received_ts int8 not null,
  primary key (sender, device_id, txn_id)
);
create index to_device_txns_ts on to_device_txns using brin (received_ts);

-- Presence as it was last written; the writer's memory is ahead of it by seconds.
create table presence_states (
  user_id text primary key,
  state text not null,
  last_active_ts int8 not null,
  last_federation_update_ts int8 not null,
  last_user_sync_ts int8 not null,
  status_msg text,
  currently_active boolean not null
) with (fillfactor = 70);
create index presence_states_present on presence_states (user_id) where state <> 'offline';
