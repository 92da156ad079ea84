-- oldest code version: 0.1.0

-- An event that rests on what nobody could be asked for waits until then, longer each time. 0: it is due.
alter table staged_pdus
  add column attempts int4 not null default 0,
  add column retry_ts int8 not null default 0;
