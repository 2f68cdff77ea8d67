-- Statements of WriterSession: how long its statements wait for a lock.

-- name: limit-lock-wait
-- For the session. Zero: no limit, whatever the default of the role is.
select set_config('lock_timeout', :timeout_ms , false);

-- name: limit-lock-wait-in-transaction
-- Until the end of the transaction.
select set_config('lock_timeout', :timeout_ms , true);
