-- oldest code version: 0.1.0

-- The limit of a single user in place of the configured ones; 0 per second: none at all. Null: as everybody.
alter table users add column messages_per_second int;
alter table users add column burst_count int;
-- Until when new cross-signing keys take the place of the old ones without proof.
alter table users add column keys_replaceable_until int8;

-- Experimental features that administrators switched on or off for single users.
create table user_features (
  user_id text not null,
  feature text not null,
  enabled boolean not null,
  primary key (user_id, feature)
);

-- Who was invited by whom.
create index events_member_sender on events (sender, received_ts) where type = 'm.room.member';
