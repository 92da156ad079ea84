-- oldest code version: 0.1.0

-- Where each application service stands. Up to where it has heard of the streams is in stream_consumers.
create table appservice_senders (
  service_id text primary key,
  -- The newest transaction, sent or not.
  txn_id int8 not null default 0,
  -- Its body, JSON text, until the service has taken it.
  pending text,
  -- Since when the service has taken nothing; null while it works.
  down_since_ts int8
) with (fillfactor = 50);

-- Room directories of single networks, as application services publish them.
create table appservice_room_list (
  service_id text not null,
  network_id text not null,
  room_nid int not null,
  primary key (service_id, network_id, room_nid)
);
create index appservice_room_list_room on appservice_room_list (room_nid);

-- Stream "caches": what processes remember of small facts that have no stream of their own is out of date.
create sequence caches_stream_seq;
create table cache_changes (
  stream_id int8 primary key,
  cache text not null,
  key text not null
);
