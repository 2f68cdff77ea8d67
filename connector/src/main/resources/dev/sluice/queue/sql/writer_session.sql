-- name: limit-lock-wait
-- For the session. Zero: without a limit, whatever the default of the role is.
select set_config('lock_timeout', :timeout_ms , false);

-- name: limit-lock-wait-in-transaction
select set_config('lock_timeout', :timeout_ms , true);
