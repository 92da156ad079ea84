-- oldest code version: 0.1.0

-- Rooms that nobody here may enter, whether this server knows them or not. (Takes the place of rooms.blocked_by, which nobody ever set.)
create table blocked_rooms (
  room_id text primary key,
  -- The administrator who did it.
  user_id text not null
);

-- Long work on a room that an administrator asked for. Whoever has the duty "background" does it, and goes on where another one stopped.
create table admin_tasks (
  id text primary key,
  -- purge_history or delete_room.
  kind text not null,
  room_id text not null,
  -- scheduled, active, complete or failed.
  status text not null,
  -- What was asked for, and how far it has come: JSON text.
  params text not null,
  progress text not null,
  error text,
  attempts int not null default 0,
  created_ts int8 not null,
  updated_ts int8 not null
);
create index admin_tasks_room on admin_tasks (room_id, created_ts);
-- One at a time in each room.
create unique index admin_tasks_open on admin_tasks (room_id) where status in ('scheduled', 'active');

-- The events stream reached this position although no event may be there any more, because the newest ones were deleted. One row.
create table deleted_events (up_to int8 not null);
insert into deleted_events values (0);

create index state_groups_room on state_groups (room_nid);
