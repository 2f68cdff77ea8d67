-- A flush finds idle cursors by this index, which is on an expression. So the server cannot use the primary key of
-- cursors instead. That key begins with the group, and the server would read all of it if its statistics say that the
-- table is small.

drop index sluice.cursors_idle;
create index cursors_idle on sluice.cursors ((partition_id + 0)) where available_at is null;
