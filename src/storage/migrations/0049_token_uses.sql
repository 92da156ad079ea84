-- oldest code version: 0.1.0

-- The API takes any whole number of uses.
alter table registration_tokens alter column uses_allowed type int8;
