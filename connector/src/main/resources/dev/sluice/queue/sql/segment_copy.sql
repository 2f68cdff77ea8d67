-- name: copy-segments
-- With the time, as the statement options gave it: where a column with a volatile default is left out, the server copies row by row.
copy sluice.segments (partition_id, first_seq, last_seq, created_at, ids, transaction_ids, payloads, payload_bytes, trace_ids, producer_subs, created_ats)
from stdin (format binary);
