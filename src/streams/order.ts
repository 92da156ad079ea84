/**
 * Every stream there is, under Synapse's names. A transaction that writes several streams takes their locks in this order;
 * two transactions that disagreed could wait for each other. Add new ones anywhere: lock keys come from the names.
 */
export const streamOrder = [
  "events",
  "backfill",
  "un_partial_stated_room",
  "un_partial_stated_event",
  "account_data",
  "push_rules",
  "receipts",
  "thread_subscriptions",
  "device_lists",
  "accounts",
  "to_device",
  "pushers",
  "sticky_events",
  "quarantined_media",
  "caches",
  "presence",
  "presence_federation",
  "typing",
  "federation",
] as const;

export type StreamName = (typeof streamOrder)[number];
