-- Endpoints: URLs that get the messages of queues, and the attempts of their deliveries.

create table sluice.endpoints (
  id             text primary key check (id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
  description    text not null default '',
  url            text not null,
  queues         text[] not null check (cardinality(queues) > 0),
  event_types    text[] not null default '{}',
  event_type_at  text,
  headers        text not null default '{}',
  format         text not null check (format in ('plain', 'cloudevents-binary', 'cloudevents-structured')),
  concurrency    integer not null check (concurrency > 0),
  rate           integer not null default 0 check (rate >= 0),
  timeout_ms     integer not null check (timeout_ms > 0),
  retry_waits_ms bigint[] not null,
  starts_at      timestamptz not null,
  state          text not null default 'active' check (state in ('active', 'paused', 'disabled', 'deleting')),
  state_since    timestamptz not null default now(),
  state_reason   text,
  failing_since  timestamptz,
  last_failed_at timestamptz,
  version        bigint not null default 1,
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now()
) with (fillfactor = 70);

comment on table sluice.endpoints is 'URLs that get the messages of queues. Each has the consumer group endpoint.ID on every queue that it matches, and the type of work endpoint.ID.';
comment on column sluice.endpoints.queues is 'Names of queues and patterns with asterisks.';
comment on column sluice.endpoints.event_types is 'Types and patterns of the events that it gets. Empty: all.';
comment on column sluice.endpoints.event_type_at is 'Where the type of an event is: header:NAME or a JSON pointer. Null: the usual places.';
comment on column sluice.endpoints.headers is 'JSON object of headers that requests carry, encrypted if the service that wrote it had a key.';
comment on column sluice.endpoints.rate is 'Most deliveries that begin in a second; 0: any number.';
comment on column sluice.endpoints.retry_waits_ms is 'Waits before the attempts after the first one.';
comment on column sluice.endpoints.starts_at is 'A group that is registered reads the messages from this time on.';
comment on column sluice.endpoints.state is 'deleting: hidden; its groups and its queue are being deleted.';
comment on column sluice.endpoints.state_reason is 'Why it is disabled; null: an operator has set the state, or it is active.';
comment on column sluice.endpoints.failing_since is 'The first failure after the last success. Null: its last attempt succeeded, or there was none.';
comment on column sluice.endpoints.last_failed_at is 'The last failure.';
comment on column sluice.endpoints.version is 'Changes with everything that a delivery needs. Bridges see by it what to load again.';

create table sluice.endpoint_secrets (
  id           bigint generated always as identity primary key,
  endpoint_id  text not null references sluice.endpoints (id) on delete cascade,
  secret       text not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz
);

comment on table sluice.endpoint_secrets is 'What requests to an endpoint are signed with. All that have not expired sign.';
comment on column sluice.endpoint_secrets.secret is 'JSON string, encrypted if the service that wrote it had a key.';
comment on column sluice.endpoint_secrets.expires_at is 'Set by a rotation: until then receivers may still verify with it. Null: it is the newest.';

create index endpoint_secrets_of on sluice.endpoint_secrets (endpoint_id, id);

create table sluice.endpoint_attempts (
  id           bigint generated always as identity primary key,
  endpoint_id  text not null,
  work_id      uuid not null,
  number       integer not null,
  began_at     timestamptz not null,
  took_ms      bigint not null,
  url          text not null,
  status       integer,
  outcome      text not null,
  error        text,
  answer       text not null default ''
);

comment on table sluice.endpoint_attempts is 'Requests to endpoints and how they ended. Kept for some days, and some thousand of each endpoint. No foreign key: it would lock the endpoint for each row.';
comment on column sluice.endpoint_attempts.work_id is 'Id of the work, and the webhook-id of the request.';
comment on column sluice.endpoint_attempts.number is 'Number of the attempt of this work, from 1.';
comment on column sluice.endpoint_attempts.url is 'Without its query.';
comment on column sluice.endpoint_attempts.status is 'Null: there was no answer.';
comment on column sluice.endpoint_attempts.outcome is 'delivered, failed, slow-down, gone or stopped.';
comment on column sluice.endpoint_attempts.answer is 'The beginning of the answer.';

create index endpoint_attempts_of on sluice.endpoint_attempts (endpoint_id, id);
create index endpoint_attempts_old on sluice.endpoint_attempts (began_at);

create table sluice.notices (
  kind       text not null,
  subject    text not null,
  raised_at  timestamptz not null default now(),
  primary key (kind, subject)
);

comment on table sluice.notices is 'What is above a threshold and has been told in the queue sluice.events. Deleted when it is below again.';
comment on column sluice.notices.kind is 'dead-letters, backlog or breaker.';
comment on column sluice.notices.subject is 'A queue, a queue and a group, or a type and its target.';

create table sluice.notice_checks (
  kind        text primary key,
  checked_at  timestamptz not null default now()
);

comment on table sluice.notice_checks is 'When a bridge has checked the thresholds last, so that one bridge does it.';

-- For bridges that look for the groups of endpoints that have something to read.
create index consumer_groups_of_endpoints on sluice.consumer_groups (name) where name like 'endpoint.%';
