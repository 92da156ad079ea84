-- oldest code version: 0.1.0

-- Who can be found by name. Derived from accounts, profiles and memberships by the process with the duty "user_directory".
create table user_directory (
  user_id text primary key,
  display_name text,
  avatar_url text,
  is_local boolean not null,
  -- In a room that anybody may enter or read.
  in_public boolean not null,
  -- The name in lower case, for those who search all of it.
  folded text not null,
  -- Words of the name and the id, in lower case.
  words tsvector not null
);
create index user_directory_words on user_directory using gin (words);
create index room_members_remote on room_members (user_id) where not is_local and membership = 'join';

-- Words of what was said, of names and of topics. Filled behind the events stream by the process with the duty "background".
create table event_search (
  nid int8 primary key,
  room_nid int not null,
  -- content.body, content.name or content.topic.
  key text not null,
  stream_ordering int8 not null,
  origin_server_ts int8 not null,
  words tsvector not null
);
create index event_search_words on event_search using gin (words);
create index event_search_room on event_search (room_nid);
