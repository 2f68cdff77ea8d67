package dev.sluice.queue.write;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.sql.RoundTrip;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.Flush.Rules;
import dev.sluice.queue.write.Flush.Run;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Claims seqs for a flush. One statement locks the partitions in order of their ids and moves each head by as many seqs
 * as the flush is likely to need. Duplicates and delays show only afterwards, so a later statement corrects the heads
 * that were moved too far or not far enough.
 *
 * <p>The statement wakes idle cursors in the same round trip, also before duplicates show. If all messages for a
 * partition are duplicates, its cursors are ready without a message, and the next pop makes them idle again.
 *
 * <p>The options of the queues come in the same round trip, if the ids of the queues are known from an earlier flush.
 */
final class HeadClaim {
    /** Most queues whose ids are cached. When there are more, the cache is emptied. */
    static final int MAX_QUEUES = 100_000;

    private final Statements statements;
    private final Duration usualDedupWindow;
    private final PartitionDirectory directory;
    private final DedupWindow dedup;

    /** The id that each queue had at its last flush. */
    private final Map<String, Long> queueIds = new HashMap<>();

    /** Which runs of the flush are claimed; and the rules of its queues, by id. */
    private BitSet claimed = new BitSet();

    private final Map<Long, Rules> rules = new HashMap<>();

    HeadClaim(QueueWriterConfig config, PartitionDirectory directory, DedupWindow dedup) {
        this.statements = Statements.read("head_claim.sql", config.schema());
        this.usualDedupWindow = config.dedupWindow();
        this.directory = directory;
        this.dedup = dedup;
    }

    /**
     * Returns the parts of a round trip that lock the partitions, move their heads, read the options of their queues,
     * and wake the idle cursors of the partitions that get messages. The caller runs them and then {@link #finish}.
     *
     * @param allDue whether every message needs a seq: they were scheduled, and are due
     */
    List<RoundTrip.Part> begin(Flush flush, boolean allDue) {
        List<Run> runs = flush.runs();
        long[] partitions = runs.stream().mapToLong(Run::partitionId).toArray();
        requireAscending(partitions);
        long[] counts =
                runs.stream().mapToLong(run -> flush.expectedSeqs(run, allDue)).toArray();
        claimed = new BitSet(runs.size());
        rules.clear();
        return List.of(
                RoundTrip.Part.query(
                        statements.get("claim"),
                        statement -> statement
                                .set("partitions", partitions)
                                .set("counts", counts)
                                .set("each", commonCount(counts)),
                        row -> {
                            // By number: there may be thousands of rows.
                            int i = indexOf(row.getLong(1), partitions, claimed.length());
                            runs.get(i).claimed(counts[i], row.getLong(2), row.getLong(3) - counts[i], row.getLong(4));
                            claimed.set(i);
                        }),
                RoundTrip.Part.query(
                        statements.get("options"),
                        statement -> statement.set("queues", likelyQueues(runs)),
                        row -> rules.put(row.getLong("id"), rules(row))),
                RoundTrip.Part.change(
                        statements.get("wake"), statement -> statement.set("filled", filled(partitions, counts))));
    }

    /** Returns the partitions that get a message, as far as it is known before the search for duplicates. */
    private static long[] filled(long[] partitions, long[] counts) {
        return IntStream.range(0, partitions.length)
                .filter(i -> counts[i] > 0)
                .mapToLong(i -> partitions[i])
                .toArray();
    }

    /** Returns the ids that the queues had at their last flush. A queue may have been replaced since. */
    private long[] likelyQueues(List<Run> runs) {
        var ids = new HashSet<Long>();
        String last = null; // The empty name is the name of a queue.
        for (Run run : runs) {
            String queue = run.name().queue();
            if (!queue.equals(last)) {
                last = queue;
                Long id = queueIds.get(queue);
                if (id != null) {
                    ids.add(id);
                }
            }
        }
        return ids.stream().mapToLong(id -> id).toArray();
    }

    /**
     * Ends what {@link #begin} has begun: tells each run where its partition stood and what its queue's options are.
     *
     * @return false if a partition or its queue was deleted; then the caches forget it, and the transaction must roll
     *     back
     */
    boolean finish(Connection connection, Flush flush) throws SQLException {
        List<Run> runs = flush.runs();
        for (int i = claimed.nextClearBit(0); i < runs.size(); i = claimed.nextClearBit(i + 1)) {
            directory.forget(runs.get(i).name());
            dedup.forget(runs.get(i).partitionId());
        }
        return claimed.cardinality() == runs.size() && giveRules(connection, runs);
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

    /** Gives each run the rules of its queue. Returns false if a queue was deleted. */
    private boolean giveRules(Connection connection, List<Run> runs) throws SQLException {
        long[] unread = runs.stream()
                .mapToLong(Run::queueId)
                .filter(queue -> !rules.containsKey(queue))
                .distinct()
                .toArray();
        if (unread.length > 0) {
            statements
                    .on(connection, "options")
                    .set("queues", unread)
                    .forEach(row -> rules.put(row.getLong("id"), rules(row)));
        }
        if (queueIds.size() > MAX_QUEUES) {
            queueIds.clear();
        }
        boolean areAllThere = true;
        long last = 0;
        Rules ofQueue = null;
        for (Run run : runs) {
            if (run.queueId() != last) {
                last = run.queueId();
                ofQueue = rules.get(last);
                if (ofQueue != null) {
                    queueIds.put(run.name().queue(), last);
                }
            }
            if (ofQueue == null) {
                directory.forget(run.name());
                areAllThere = false;
            } else {
                run.under(ofQueue);
            }
        }
        return areAllThere;
    }

    private Rules rules(ResultSet row) throws SQLException {
        return new Rules(
                dedupWindow(row),
                row.getBoolean("encryption_enabled"),
                row.getBoolean("has_lanes") ? PriorityLane.ofNumber(row.getInt("lane")) : null,
                row.getObject("now", OffsetDateTime.class).toInstant());
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
        long[] unwoken = runs.stream()
                .filter(Run::isUnexpected)
                .mapToLong(Run::partitionId)
                .toArray();
        if (unwoken.length > 0) { // Messages with a delivery time that has passed.
            statements.on(connection, "wake").set("filled", unwoken).execute();
        }
    }
}
