-- oldest code version: 0.1.0

-- Work that an administrator holds up until it is let go on, or the process that does it starts again.
create table held_work (name text primary key);
