-- The index a flush finds idle cursors by is on an expression. The server cannot take the primary key of cursors instead, which begins with the
-- group: it would read all of that index, and does so if its statistics say that the table is small.

drop index sluice.cursors_idle;
create index cursors_idle on sluice.cursors ((partition_id + 0)) where available_at is null;
