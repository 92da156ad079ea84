-- oldest code version: 0.1.0

-- Events that are to be sent later (MSC4140), and for a while what became of them.
create table delayed_events (
  -- Of two that are due at the same time the one that was asked for first is sent first.
  nid int8 generated always as identity,
  delay_id text primary key,
  user_id text not null,
  device_id text not null,
  room_id text not null,
  type text not null,
  state_key text,
  -- JSON text.
  content text not null,
  -- Of an application service, which may say when its event was sent.
  origin_server_ts int8,
  delay int8 not null,
  send_ts int8 not null,
  -- A request that is made again gets the answer of the first.
  txn_id text,
  -- Whoever has the duty is about to send it: nobody else may touch it now.
  sending boolean not null default false,
  -- Set once it is over: sent, where there is an event id; else cancelled, by its owner or, where there is an error, by that.
  finalised_ts int8,
  event_id text,
  error text
);
create index delayed_events_due on delayed_events (send_ts) where finalised_ts is null;
create index delayed_events_finalised on delayed_events (finalised_ts) where finalised_ts is not null;
create index delayed_events_user on delayed_events (user_id, finalised_ts);
create index delayed_events_state on delayed_events (room_id, type, state_key) where state_key is not null and finalised_ts is null;
create unique index delayed_events_txn on delayed_events (user_id, device_id, room_id, txn_id) where txn_id is not null;
