-- oldest code version: 0.1.0

create sequence push_rules_stream_seq;
create sequence pushers_stream_seq;

-- How the push rules of users differ from the default ones (rooms/push/rules). Users who never changed any have no row.
create table push_rules (
  user_id text primary key,
  stream_id int8 not null,
  -- JSON; text, because strings in it may hold U+0000.
  rules text not null
);
create index push_rules_stream on push_rules (stream_id);

-- The class of rules that a user belongs to from a position of the events stream on. Room '' stands for all rooms that have no
-- row of their own; a null class says that a room has none any more. Before the first row it is class 0.
create table push_user_classes (
  user_id text not null,
  room_id text not null,
  since int8 not null,
  class_id int8,
  primary key (user_id, room_id, since)
);

-- What an event means to all members whose rules are of one class: class 0 where it means anything, others where they differ
-- from that. notify and highlight are what counts add up: for class 0 the outcome, for others the difference to it.
create table event_push_classes (
  room_nid int not null,
  in_thread boolean not null,
  stream_ordering int8 not null,
  class_id int8 not null,
  -- The root of the thread, or 'main'.
  thread_id text not null,
  notify int2 not null,
  highlight int2 not null,
  notifies boolean not null,
  highlights boolean not null,
  actions text not null,
  primary key (room_nid, in_thread, stream_ordering, class_id) include (thread_id, notify, highlight)
);

-- The same for single users, where it differs from that of their class: mentions, keywords, ignored senders, invites.
create table event_push_users (
  user_id text not null,
  room_nid int not null,
  stream_ordering int8 not null,
  thread_id text not null,
  notify int2 not null,
  highlight int2 not null,
  notifies boolean not null,
  highlights boolean not null,
  actions text not null,
  primary key (user_id, room_nid, stream_ordering)
);
create index event_push_users_room on event_push_users (room_nid, stream_ordering);

-- Up to where local users have read by what they sent themselves, per thread; thread '' is where they joined.
create table push_positions (
  user_id text not null,
  room_nid int not null,
  thread_id text not null,
  stream_ordering int8 not null,
  primary key (user_id, room_nid, thread_id)
) with (fillfactor = 70);

create table pushers (
  user_id text not null,
  app_id text not null,
  pushkey text not null,
  stream_id int8 not null,
  kind text not null,
  app_display_name text not null,
  device_display_name text not null,
  profile_tag text not null,
  lang text not null,
  -- JSON text.
  data text not null,
  device_id text,
  created_ts int8 not null,
  -- The events stream up to here has been pushed or given up.
  last_stream_ordering int8 not null,
  last_success_ts int8,
  failing_since_ts int8,
  primary key (user_id, app_id, pushkey)
);
create index pushers_key on pushers (app_id, pushkey);
create index pushers_stream on pushers (stream_id);

-- For readers of the stream who were away when a pusher was deleted.
create table deleted_pushers (
  stream_id int8 primary key,
  user_id text not null,
  app_id text not null,
  pushkey text not null
);
