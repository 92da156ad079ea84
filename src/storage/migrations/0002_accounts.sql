-- oldest code version: 0.1.0

-- Accounts of this server. Rows are never deleted: an id cannot be used twice.
create table users (
  user_id text primary key,
  -- null: this account has no password of its own (guest, application service, sign-on, deactivated).
  password_hash text,
  created_ts int8 not null,
  is_guest boolean not null default false,
  admin boolean not null default false,
  -- 'bot', 'support' or a type of user_types.extra_user_types.
  user_type text,
  appservice_id text,
  deactivated boolean not null default false,
  erased boolean not null default false,
  locked boolean not null default false,
  suspended boolean not null default false,
  shadow_banned boolean not null default false,
  approved boolean not null default true,
  consent_version text,
  consent_ts int8,
  consent_notice_version text,
  -- Account validity: after this the account is expired; null: never.
  expires_ts int8,
  renewal_token text unique,
  renewal_mail_sent boolean not null default false
);
-- Ids with capitals are historical and few, so that finding a name in any case stays one read of a small index.
create index users_mixed_case on users (lower(user_id)) where user_id <> lower(user_id);
create index users_appservice on users (appservice_id) where appservice_id is not null;
create index users_expires on users (expires_ts) where expires_ts is not null;
create sequence user_number_seq;

create table profiles (
  user_id text primary key,
  displayname text,
  avatar_url text,
  -- Fields other than the two above.
  fields jsonb not null default '{}'
);

create table devices (
  user_id text not null,
  device_id text not null,
  display_name text,
  created_ts int8 not null,
  last_seen_ts int8,
  last_seen_ip text,
  last_seen_user_agent text,
  primary key (user_id, device_id)
) with (fillfactor = 80);

-- Tokens are kept as SHA-256, so that a copy of the database lets nobody in.
create sequence access_tokens_id_seq;
create table access_tokens (
  id int8 primary key default nextval('access_tokens_id_seq'),
  token_hash bytea not null unique,
  user_id text not null,
  device_id text,
  valid_until_ts int8,
  -- The administrator who acts as user_id with this token.
  issued_by text,
  refresh_token_id int8,
  -- Whether a token that came with a refresh token has been presented: its predecessor dies then.
  used boolean not null default true,
  -- When the holder last passed user-interactive authentication.
  last_validated_ts int8
);
create index access_tokens_user on access_tokens (user_id, device_id);
create index access_tokens_refresh on access_tokens (refresh_token_id) where refresh_token_id is not null;

create sequence refresh_tokens_id_seq;
create table refresh_tokens (
  id int8 primary key default nextval('refresh_tokens_id_seq'),
  token_hash bytea not null unique,
  user_id text not null,
  device_id text not null,
  next_token_id int8,
  expires_ts int8,
  -- The end of the whole session, however often it is refreshed.
  session_expires_ts int8
);
create index refresh_tokens_user on refresh_tokens (user_id, device_id);
create index refresh_tokens_next on refresh_tokens (next_token_id) where next_token_id is not null;

create table login_tokens (
  token_hash bytea primary key,
  user_id text not null,
  expires_ts int8 not null,
  used boolean not null default false,
  auth_provider_id text,
  auth_provider_session_id text
);
create index login_tokens_expires on login_tokens (expires_ts);

create table openid_tokens (
  token_hash bytea primary key,
  user_id text not null,
  expires_ts int8 not null
);
create index openid_tokens_expires on openid_tokens (expires_ts);

create table ui_auth_sessions (
  session_id text primary key,
  created_ts int8 not null,
  method text not null,
  uri text not null,
  description text not null,
  client_dict jsonb not null,
  server_dict jsonb not null default '{}',
  -- Completed stage -> its result.
  completed jsonb not null default '{}'
);
create index ui_auth_sessions_created on ui_auth_sessions (created_ts);

create table registration_tokens (
  token text primary key,
  -- null: without limit.
  uses_allowed int,
  pending int not null default 0,
  completed int not null default 0,
  expires_ts int8
);

create table user_threepids (
  medium text not null,
  address text not null,
  user_id text not null,
  validated_at int8 not null,
  added_at int8 not null,
  primary key (medium, address)
);
create index user_threepids_user on user_threepids (user_id);

-- Identity servers at which a user bound an address through this server, so that it can be unbound again.
create table threepid_bindings (
  user_id text not null,
  medium text not null,
  address text not null,
  id_server text not null,
  primary key (user_id, medium, address, id_server)
);

create table threepid_validation_sessions (
  session_id text primary key,
  client_secret text not null,
  medium text not null,
  address text not null,
  last_send_attempt int8 not null,
  validated_at int8,
  created_ts int8 not null,
  unique (medium, address, client_secret)
);

create table threepid_validation_tokens (
  token_hash bytea primary key,
  session_id text not null references threepid_validation_sessions on delete cascade,
  next_link text,
  expires_ts int8 not null
);
create index threepid_validation_tokens_session on threepid_validation_tokens (session_id);
create index threepid_validation_tokens_expires on threepid_validation_tokens (expires_ts);

-- Where each device connected from; device_id is '' for requests without one.
create table user_ips (
  user_id text not null,
  device_id text not null,
  ip text not null,
  user_agent text not null,
  last_seen_ts int8 not null,
  primary key (user_id, device_id, ip)
) with (fillfactor = 80);

create table monthly_active_users (
  user_id text primary key,
  last_active_ts int8 not null
) with (fillfactor = 80);

-- Stream "accounts": what other processes hold of a user (tokens, flags) is out of date.
create sequence accounts_stream_seq;
create table account_changes (
  stream_id int8 primary key,
  user_id text not null,
  what text not null
);

-- Stream "device_lists": a device of a user came, changed or went.
create sequence device_lists_stream_seq;
create table device_lists_stream (
  stream_id int8 primary key,
  user_id text not null,
  device_id text not null
);
create index device_lists_stream_user on device_lists_stream (user_id, stream_id);
