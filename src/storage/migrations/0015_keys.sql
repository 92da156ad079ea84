-- oldest code version: 0.1.0

-- What of a user changed: 'device' (a device or its keys), 'cross_signing' (master or self-signing key), 'counts' (one-time keys came
-- or went). audience: the only user who is told; null: all who share rooms with the user.
alter table device_lists_stream add column what text not null default 'device';
alter table device_lists_stream add column audience text;
create index device_lists_stream_audience on device_lists_stream (audience, stream_id) where audience is not null;

-- Identity keys of devices of local users, as uploaded but for `unsigned`.
create table device_keys (
  user_id text not null,
  device_id text not null,
  keys text not null,
  primary key (user_id, device_id)
);

-- Each is handed out once, the oldest first.
create sequence one_time_keys_seq;
create table one_time_keys (
  user_id text not null,
  device_id text not null,
  algorithm text not null,
  key_id text not null,
  age int8 not null default nextval('one_time_keys_seq'),
  key text not null,
  primary key (user_id, device_id, algorithm, key_id)
);
create index one_time_keys_age on one_time_keys (user_id, device_id, algorithm, age);

-- Handed out when no one-time key is left.
create table fallback_keys (
  user_id text not null,
  device_id text not null,
  algorithm text not null,
  key_id text not null,
  key text not null,
  used boolean not null default false,
  primary key (user_id, device_id, algorithm)
) with (fillfactor = 80);

-- usage: 'master', 'self_signing' or 'user_signing'. Of users of other servers too.
create table cross_signing_keys (
  user_id text not null,
  usage text not null,
  keys text not null,
  primary key (user_id, usage)
);

-- Signatures uploaded apart from the keys. target_id: a device, or the public part of a master key.
create table key_signatures (
  target_user_id text not null,
  target_id text not null,
  signer text not null,
  key_id text not null,
  signature text not null,
  primary key (target_user_id, target_id, signer, key_id)
);

-- Users of other servers whose devices are kept here while somebody shares a room with them.
create table remote_device_lists (
  user_id text primary key,
  -- Position in the other server's own count; what follows must name it.
  stream_id int8 not null,
  -- Something was missed: the list must be fetched anew.
  stale boolean not null default false,
  fetched_ts int8 not null
) with (fillfactor = 80);
create index remote_device_lists_stale on remote_device_lists (user_id) where stale;
create table remote_devices (
  user_id text not null,
  device_id text not null,
  display_name text,
  -- Null: a device without keys.
  keys text,
  primary key (user_id, device_id)
);

create table key_backups (
  user_id text not null,
  version int8 not null,
  algorithm text not null,
  auth_data text not null,
  etag int8 not null default 0,
  deleted boolean not null default false,
  primary key (user_id, version)
) with (fillfactor = 80);
create table key_backup_sessions (
  user_id text not null,
  version int8 not null,
  room_id text not null,
  session_id text not null,
  first_message_index int8 not null,
  forwarded_count int8 not null,
  is_verified boolean not null,
  session_data text not null,
  primary key (user_id, version, room_id, session_id)
);

-- MSC3814: a device that receives keys while its user is logged out everywhere. One for each user.
create table dehydrated_devices (
  user_id text primary key,
  device_id text not null,
  device_data text not null
);
