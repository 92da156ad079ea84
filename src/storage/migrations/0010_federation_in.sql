-- oldest code version: 0.1.0

-- Positions of history that was fetched from other servers after what follows it: below zero.
create sequence events_older_seq increment by -1 maxvalue -1 start -1;

-- Events of other servers that were acknowledged and wait for what they rest on to be fetched.
create table staged_pdus (
  room_nid int4 not null,
  event_id text not null,
  origin text not null,
  json text not null,
  received_ts int8 not null,
  arrival int8 generated always as identity,
  primary key (room_nid, event_id)
);
