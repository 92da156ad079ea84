-- oldest code version: 0.1.0

-- What users reported to the administrators. Ids are what the admin API shows and pages by.
create table event_reports (
  id int8 generated always as identity primary key,
  received_ts int8 not null,
  room_id text not null,
  event_id text not null,
  user_id text not null,
  reason text,
  score int
);

create table room_reports (
  id int8 generated always as identity primary key,
  received_ts int8 not null,
  room_id text not null,
  user_id text not null,
  reason text not null
);

create table user_reports (
  id int8 generated always as identity primary key,
  received_ts int8 not null,
  target_user_id text not null,
  user_id text not null,
  reason text not null
);
