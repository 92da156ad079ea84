-- oldest code version: 0.1.0

-- Whether the pusher pushes at present; its user may switch it off from another device (MSC3881).
alter table pushers add column enabled boolean not null default true;
