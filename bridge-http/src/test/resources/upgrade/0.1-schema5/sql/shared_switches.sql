-- Statements of SharedSwitches: named switches in the table state.

-- name: switches-on
select key from sluice.state where value -> 'enabled' = 'true'::jsonb;

-- name: set-switch
insert into sluice.state (key, value) values (:key, jsonb_build_object('enabled', :enabled::boolean))
on conflict (key) do update set value = excluded.value, updated_at = now();
