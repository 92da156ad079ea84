-- oldest code version: 0.1.0

-- Which process stores what waits in a room (staged_pdus), until when; after that any other may. A crash of the database ends all claims.
create unlogged table staged_rooms (
  room_nid int4 primary key,
  instance text not null,
  until_ts int8 not null
);
