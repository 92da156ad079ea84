-- oldest code version: 0.1.0

-- A hash of how the process believes that work is shared among processes; null: of a process that does not say.
alter table leases add column sharding text;
