package dev.sluice.queue;

import dev.sluice.queue.QueueModel.Letter;
import dev.sluice.queue.QueueModel.Name;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** Reads from the tables what a {@link QueueModelRun} cannot learn from the answers of the queue. */
final class StoredState {
    private final TestPostgres postgres;
    private long lastLetter;

    StoredState(TestPostgres postgres) {
        this.postgres = postgres;
    }

    /** Returns the id of the newest dead letter that {@link #newLetters} has returned. */
    long lastLetter() {
        return lastLetter;
    }

    /** Returns the dead letters that were written since the last call. */
    List<Letter> newLetters() {
        var letters = new ArrayList<Letter>();
        for (String row :
                postgres.query("select l.id, l.group_name, q.name, l.partition_name, l.seq, l.transaction_id, l.payload"
                        + " from sluice.dead_letters l join sluice.queues q on q.id = l.queue_id where l.id > "
                        + lastLetter
                        + " order by l.id")) {
            String[] columns = row.split("\\|", -1);
            lastLetter = Long.parseLong(columns[0]);
            letters.add(new Letter(
                    lastLetter,
                    columns[1],
                    new Name(columns[2], columns[3]),
                    Long.parseLong(columns[4]),
                    columns[5],
                    columns[6]));
        }
        return letters;
    }

    /** Returns the ids of the messages that were redriven, by transaction id. */
    Map<String, UUID> redrivenIds() {
        var ids = new HashMap<String, UUID>();
        for (String row :
                postgres.query("select transaction_id, id from sluice.messages where transaction_id like 'dlq:%'")) {
            String[] columns = row.split("\\|", -1);
            ids.put(columns[0], UUID.fromString(columns[1]));
        }
        return ids;
    }

    /** Returns when each stored message of a partition was written, by seq. */
    Map<Long, Instant> timesOf(long partitionId) {
        var times = new HashMap<Long, Instant>();
        for (String row :
                postgres.query("select first_seq, last_seq, (extract(epoch from created_at) * 1000000)::bigint"
                        + " from sluice.segments where partition_id = " + partitionId)) {
            String[] columns = row.split("\\|", -1);
            Instant time = Instant.EPOCH.plus(Long.parseLong(columns[2]), ChronoUnit.MICROS);
            for (long seq = Long.parseLong(columns[0]); seq <= Long.parseLong(columns[1]); seq++) {
                times.put(seq, time);
            }
        }
        return times;
    }

    /** Returns the seqs in the text of a PostgreSQL array. */
    static Set<Long> seqs(String array) {
        var seqs = new HashSet<Long>();
        for (String seq : array.substring(1, array.length() - 1).split(",", -1)) {
            if (!seq.isEmpty()) {
                seqs.add(Long.parseLong(seq));
            }
        }
        return seqs;
    }
}
