-- oldest code version: 0.1.0

-- Where a reader of a space's hierarchy stopped: the token of the next page, and what is left to visit.
create table hierarchy_pages (
  token text primary key,
  user_id text not null,
  -- The parameters that may not change from page to page. JSON text, as is the rest.
  request text not null,
  rest text not null,
  expires_ts int8 not null
);
create index hierarchy_pages_expires on hierarchy_pages (expires_ts);
