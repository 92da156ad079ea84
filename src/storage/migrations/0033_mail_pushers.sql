-- oldest code version: 0.1.0

-- How often a mail pusher writes of a room: not again before last_sent_ts + throttle_ms.
create table mail_throttles (
  user_id text not null,
  app_id text not null,
  pushkey text not null,
  room_nid int not null,
  last_sent_ts int8 not null,
  throttle_ms int8 not null,
  primary key (user_id, app_id, pushkey, room_nid)
);
create index mail_throttles_room on mail_throttles (room_nid);
