-- oldest code version: 0.1.0

-- Whether one life of a process still stands for something; without a life nobody else could write, and nothing is asked.
create function holds_lease(duty text, holder text, life int8) returns boolean language sql stable as $$
  select life is null or exists (select from leases l where l.stands_for = duty and l.instance = holder and l.epoch = life)
$$;

-- Takes a stream's lock and then looks anew: whoever lost the lease before somebody else wrote cannot write after them. Volatile, for each
-- statement in it has a snapshot of its own.
create function lock_stream(lock_key int8, duty text, holder text, life int8) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock(lock_key);
  if not holds_lease(duty, holder, life) then
    raise exception '% no longer stands for %', holder, duty using errcode = 'ST001';
  end if;
end $$;
