package dev.sluice.queue.write;

import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.Flush.Rules;
import dev.sluice.queue.write.Flush.Run;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Claims seqs for a flush. One statement locks the partitions in order of their ids and moves each head by as many seqs
 * as the flush is likely to need. Duplicates and delays show only afterwards, so a second statement corrects the heads
 * that were moved too far or not far enough.
 */
final class HeadClaim {
    private final Statements statements;
    private final Duration usualDedupWindow;
    private final PartitionDirectory directory;
    private final DedupWindow dedup;

    HeadClaim(QueueWriterConfig config, PartitionDirectory directory, DedupWindow dedup) {
        this.statements = Statements.read("head_claim.sql", config.schema());
        this.usualDedupWindow = config.dedupWindow();
        this.directory = directory;
        this.dedup = dedup;
    }

    /**
     * Locks the partitions, moves their heads, and tells each run where its partition stood and what its queue's
     * options are.
     *
     * @param allDue whether every message needs a seq: they were scheduled, and are due
     * @return false if a partition or its queue was deleted; then the caches forget it, and the transaction must roll
     *     back
     */
    boolean claim(Connection connection, Flush flush, boolean allDue) throws SQLException {
        List<Run> runs = flush.runs();
        if (runs.isEmpty()) {
            return true;
        }
        long[] partitions = runs.stream().mapToLong(Run::partitionId).toArray();
        requireAscending(partitions);
        long[] counts =
                runs.stream().mapToLong(run -> flush.expectedSeqs(run, allDue)).toArray();
        var claimed = new BitSet(runs.size());
        statements
                .on(connection, "claim")
                .set("partitions", partitions)
                .set("counts", counts)
                .set("each", commonCount(counts))
                .forEach(row -> {
                    // By number: there may be thousands of rows.
                    int i = indexOf(row.getLong(1), partitions, claimed.length());
                    runs.get(i).claimed(counts[i], row.getLong(2), row.getLong(3) - counts[i], row.getLong(4));
                    claimed.set(i);
                });
        for (int i = claimed.nextClearBit(0); i < runs.size(); i = claimed.nextClearBit(i + 1)) {
            directory.forget(runs.get(i).name());
            dedup.forget(partitions[i]);
        }
        return claimed.cardinality() == runs.size() && readOptions(connection, runs);
    }

    /** Rows come in order of the ids, without partitions that were deleted. So the next one is the first guess. */
    private static int indexOf(long partition, long[] partitions, int next) {
        return next < partitions.length && partitions[next] == partition
                ? next
                : Arrays.binarySearch(partitions, partition);
    }

    /** Returns the count if all partitions have the same, else null. */
    private static @Nullable Long commonCount(long[] counts) {
        for (long count : counts) {
            if (count != counts[0]) {
                return null;
            }
        }
        return counts[0];
    }

    /** The statement finds the count of a partition by halves. In another order it would take that of another one. */
    private static void requireAscending(long[] partitions) {
        for (int i = 1; i < partitions.length; i++) {
            if (partitions[i - 1] >= partitions[i]) {
                throw new IllegalStateException(
                        "partitions out of order: " + partitions[i - 1] + " before " + partitions[i]);
            }
        }
    }

    /** Returns false if a queue was deleted. */
    private boolean readOptions(Connection connection, List<Run> runs) throws SQLException {
        long[] queues = runs.stream().mapToLong(Run::queueId).distinct().toArray();
        var rules = new HashMap<Long, Rules>();
        statements
                .on(connection, "options")
                .set("queues", queues)
                .forEach(row -> rules.put(row.getLong("id"), rules(row)));
        for (Run run : runs) {
            Rules ofQueue = rules.get(run.queueId());
            if (ofQueue == null) {
                directory.forget(run.name());
            } else {
                run.under(ofQueue);
            }
        }
        return rules.size() == queues.length;
    }

    private Rules rules(ResultSet row) throws SQLException {
        return new Rules(
                dedupWindow(row),
                row.getBoolean("encryption_enabled"),
                row.getTimestamp("now").toInstant());
    }

    /** Returns the window of the queue, or else the writer's. A longer one than any option allows would overflow. */
    private Duration dedupWindow(ResultSet row) throws SQLException {
        long millis = row.getLong("dedup_window_ms");
        Duration window = row.wasNull() ? usualDedupWindow : Duration.ofMillis(millis);
        return window.compareTo(QueueOptions.MAX_TIME) > 0 ? QueueOptions.MAX_TIME : window;
    }

    /** Corrects the heads of the partitions where the flush has placed more or fewer messages than were claimed. */
    void correct(Connection connection, List<Run> runs) throws SQLException {
        List<Run> misclaimed = runs.stream().filter(Run::isMisclaimed).toList();
        if (!misclaimed.isEmpty()) {
            statements
                    .on(connection, "correct")
                    .set("partitions", misclaimed, Run::partitionId)
                    .set("heads", misclaimed, Run::newHead)
                    .setBooleans("are_new", misclaimed, Run::isMoved)
                    .execute();
        }
    }
}
