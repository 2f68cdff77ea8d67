-- Schedules: messages by the clock.

create table sluice.schedules (
  name          text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
  description   text not null default '',
  kind          text not null check (kind in ('cron', 'every', 'once')),
  expression    text not null,
  zone          text not null,
  starts_at     timestamptz not null,
  ends_at       timestamptz,
  missed        text not null check (missed in ('skip', 'once', 'all')),
  queue         text not null check (length(queue) between 1 and 255),
  partition     text check (length(partition) between 1 and 255),
  is_work       boolean not null,
  lane          smallint not null,
  payload       text not null,
  headers       text not null default '{}',
  from_file     boolean not null,
  paused_at     timestamptz,
  next_at       timestamptz,
  last_tick     timestamptz,
  last_fired_at timestamptz,
  fired         bigint not null default 0,
  skipped       bigint not null default 0,
  failure       text,
  failed_at     timestamptz,
  retry_at      timestamptz,
  created_at    timestamptz not null default clock_timestamp(),
  updated_at    timestamptz not null default clock_timestamp()
) with (fillfactor = 70);

comment on table sluice.schedules is 'When a message is pushed to a queue by itself. A bridge that fires a schedule writes the message and moves next_at on in one transaction.';
comment on column sluice.schedules.expression is 'cron: five fields. every: an ISO duration. once: an ISO time.';
comment on column sluice.schedules.zone is 'The time zone of a cron expression.';
comment on column sluice.schedules.starts_at is 'There is no tick before. The ticks of an interval are counted from here.';
comment on column sluice.schedules.ends_at is 'There is no tick after. Null: no end.';
comment on column sluice.schedules.missed is 'What happens to ticks that no bridge could fire in time.';
comment on column sluice.schedules.partition is 'The partition of the messages. Null: the default one; of a work, one of its lane.';
comment on column sluice.schedules.is_work is 'Whether the queue is that of a type of work, and the partition is named by its key.';
comment on column sluice.schedules.lane is 'The priority of a work.';
comment on column sluice.schedules.payload is 'JSON text, encrypted if the bridge that stored it had a key.';
comment on column sluice.schedules.headers is 'A JSON object of texts, encrypted as the payload is.';
comment on column sluice.schedules.from_file is 'Whether the configuration of a bridge declares the schedule.';
comment on column sluice.schedules.next_at is 'The next tick. Null: there is none any more.';
comment on column sluice.schedules.last_tick is 'The newest tick that was fired or skipped. No tick up to it is fired again.';
comment on column sluice.schedules.skipped is 'Ticks that were missed and not fired.';
comment on column sluice.schedules.failure is 'Why the last attempt to fire failed. Null: it did not.';
comment on column sluice.schedules.retry_at is 'When a schedule that could not be fired is tried again.';

-- For bridges that look what is due.
create index schedules_due on sluice.schedules ((greatest(next_at, retry_at))) where next_at is not null and paused_at is null;
