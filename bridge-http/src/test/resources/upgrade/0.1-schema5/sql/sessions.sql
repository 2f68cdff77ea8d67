-- Statements of Sessions, which looks for a pooler that shares sessions.

-- name: leave-mark
select set_config('sluice.session', :mark , false);

-- name: read-mark
select coalesce(current_setting('sluice.session', true), '') as mark;
