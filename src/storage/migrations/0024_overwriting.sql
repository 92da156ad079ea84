-- oldest code version: 0.1.0

-- Events whose content a redaction took away, since when: their text stays as it was signed for a while, and is then overwritten.
create table redacted_texts (nid int8 primary key, redacted_ts int8 not null);
create index redacted_texts_ts on redacted_texts (redacted_ts);
insert into redacted_texts (nid, redacted_ts)
  select e.nid, r.received_ts from events r join events e on e.event_id = r.redacts and e.redacted_by = r.event_id
  where r.redacts is not null;

-- Messages that end at a time of their sender's choice (MSC2228).
create table event_expiry (nid int8 primary key, expires_ts int8 not null);
create index event_expiry_ts on event_expiry (expires_ts);
