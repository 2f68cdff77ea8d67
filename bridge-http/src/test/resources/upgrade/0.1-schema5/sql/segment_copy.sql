-- Statements of SegmentCopy.

-- name: copy-segments
-- With the time, as the statement options gave it. If a column with a volatile default were missing, the server would
-- copy row by row.
copy sluice.segments (partition_id, first_seq, last_seq, created_at, ids, transaction_ids, payloads, payload_bytes, trace_ids, producer_subs, created_ats)
from stdin (format binary);
