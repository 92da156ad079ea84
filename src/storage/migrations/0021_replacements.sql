-- oldest code version: 0.1.0

-- Of a replacement, whether it has the new content without which it changes nothing; other relations are as they are.
alter table event_relations add column is_valid boolean not null default true;
