-- oldest code version: 0.1.0

-- Who users are at the providers through which they sign on.
create table external_ids (
  auth_provider text not null,
  external_id text not null,
  user_id text not null,
  primary key (auth_provider, external_id)
);
create index external_ids_user on external_ids (user_id);
