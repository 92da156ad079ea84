-- oldest code version: 0.1.0

-- Other servers that did not answer, or for which something waits.
create table destinations (
  destination text primary key,
  -- Since when it has not answered; null while it does.
  failing_since int8,
  -- It is left alone until retry_last_ts + retry_interval (ms).
  retry_last_ts int8 not null default 0,
  retry_interval int8 not null default 0,
  -- Position in the events stream after which it has missed something; null where all was sent or is being sent.
  missed_after int8
) with (fillfactor = 70);
create index destinations_missed on destinations (destination) where missed_after is not null;

-- Public keys of other servers. document: the signed object in which the key came, as it came.
create table server_keys (
  server_name text not null,
  key_id text not null,
  public_key text not null,
  -- Until when the key is or was in use, ms since the epoch.
  valid_until int8 not null,
  fetched_ts int8 not null,
  document text not null,
  primary key (server_name, key_id)
);

-- Events of users of other servers that came to us to be handed on: joins, leaves and knocks through this server.
create table federation_relays (
  event_id text primary key,
  -- The server that it came from.
  origin text not null,
  received_ts int8 not null
);

-- Rooms that a server is in, or was.
create index room_members_host on room_members ((substr(user_id, strpos(user_id, ':') + 1)), room_nid) where not is_local;
