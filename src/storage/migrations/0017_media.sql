-- oldest code version: 0.1.0

-- Media of our users (origin is our own name), and copies of those of other servers. The contents are files.
create table media (
  origin text not null,
  media_id text not null,
  -- Who uploaded it; null for copies.
  user_id text,
  created_ts int8 not null,
  -- Null, as the length, while an id was given out and nothing was uploaded yet.
  media_type text,
  media_length int8,
  upload_name text,
  -- Of copies: what their file is called.
  filesystem_id text,
  last_access_ts int8,
  quarantined_by text,
  safe_from_quarantine boolean not null default false,
  -- Only served to who says who they are.
  authenticated boolean not null,
  -- Made by a preview of this address.
  url_cache text,
  -- In hex.
  sha256 text,
  primary key (origin, media_id)
);
create index media_user on media (user_id, created_ts) where user_id is not null;
create index media_sha256 on media (sha256) where sha256 is not null;
create index media_pending on media (user_id, created_ts) where media_length is null;
create index media_access on media ((coalesce(last_access_ts, created_ts)));

-- Thumbnails that there are files of; kept to find them all when the media goes.
create table media_thumbnails (
  origin text not null,
  media_id text not null,
  width int not null,
  height int not null,
  media_type text not null,
  method text not null,
  media_length int8 not null,
  primary key (origin, media_id, width, height, media_type, method)
);

-- What was quarantined and released, in order.
create table quarantined_media_changes (
  id int8 generated always as identity primary key,
  origin text not null,
  media_id text not null,
  quarantined boolean not null
);

create table url_previews (
  url text primary key,
  fetched_ts int8 not null,
  expires_ts int8 not null,
  -- The answer, JSON.
  preview text not null
);
create index url_previews_expires on url_previews (expires_ts);
