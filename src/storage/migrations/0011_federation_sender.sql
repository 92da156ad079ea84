-- oldest code version: 0.1.0

-- Destinations are spread over so many slots. How far each slot has come in a stream: whatever came before is with its destinations,
-- or noted for them (destinations.missed_after, device_list_outbox). Other servers hear nothing of what happened before this.
insert into stream_consumers (name, stream, position)
select 'federation_sender/' || lpad(slot::text, 2, '0'), stream, head
from generate_series(0, 31) as s(slot)
cross join (
  select 'events' as stream, coalesce((select greatest(max(stream_ordering), 0) from events), 0) as head
  union all
  select 'device_lists', coalesce((select max(stream_id) from device_lists_stream), 0)
) as heads
on conflict do nothing;

-- Devices of ours that changed and of which another server has yet to hear; of several changes of a device, the last.
create table device_list_outbox (
  destination text not null,
  user_id text not null,
  device_id text not null,
  stream_id int8 not null,
  primary key (destination, user_id, device_id)
) with (fillfactor = 80);
create index device_list_outbox_order on device_list_outbox (destination, stream_id);

-- The last change of a user's devices of which a server heard: the next one names it as its predecessor.
create table device_list_sent (
  destination text not null,
  user_id text not null,
  stream_id int8 not null,
  primary key (destination, user_id)
) with (fillfactor = 70);

create index federation_relays_ts on federation_relays using brin (received_ts);
