-- oldest code version: 0.1.0

-- shared_at: a position of the events stream at which the list was right. It is so still if the user and somebody here have both been in
-- a room from before that until now; else changes may not have been sent to us.
alter table remote_device_lists drop column fetched_ts;
alter table remote_device_lists add column shared_at int8 not null default 0;
-- How often something was missed; a list that was asked for before that is no good.
alter table remote_device_lists add column missed int8 not null default 0;
