-- oldest code version: 0.1.0

-- What each process stands for, renewed every few seconds. Whoever finds a row expired deletes it; a writer that comes back
-- after that finds its row gone, and its transaction fails.
create table leases (
  stands_for text not null,
  instance text not null,
  -- Tells the lives of an instance apart.
  epoch int8 not null,
  expires_at timestamptz not null,
  primary key (stands_for, instance)
) with (fillfactor = 50);
create sequence lease_epochs_seq;

-- How far each consumer of a stream has come, such as a federation sender.
create table stream_consumers (
  name text not null,
  stream text not null,
  position int8 not null,
  primary key (name, stream)
) with (fillfactor = 50);
