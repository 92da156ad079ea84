-- oldest code version: 0.1.0

-- Whose events are shown redacted to those who were not there. Mostly nobody's, and asked for often.
create index users_erased on users (user_id) where erased;
