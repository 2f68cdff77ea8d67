package dev.sluice.queue.transact;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.read.Acknowledge;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.transact.StreamCycle.Change;
import dev.sluice.queue.transact.StreamCycle.Outcome;
import dev.sluice.queue.transact.StreamCycle.Refusal;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterTransaction;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Runs the steps of a cycle in the order of their locks: the advisory lock, which admits one cycle of a query and
 * partition at a time; the query; the partitions, with the pushes; the state; the cursor. One thread.
 */
final class StreamSteps {
    private final Acknowledge acknowledge;
    private final PayloadCipher cipher;
    private final String schema;
    private final Statements statements;

    StreamSteps(Acknowledge acknowledge, QueueWriterConfig config) {
        this.acknowledge = acknowledge;
        this.cipher = config.cipher();
        this.schema = config.schema();
        this.statements = Statements.read("stream_steps.sql", config.schema());
    }

    /** The queue of the partition that the cycle reads. */
    private record Source(long partitionId, String queue, boolean encrypted) {}

    /** Runs the cycle; rolls back if the cycle is refused. */
    Ending<Outcome> run(WriterTransaction transaction, StreamCycle cycle, Flush flush) throws SQLException {
        // Locating may end the transaction with all its locks, so it comes first.
        if (!transaction.locate(flush)) {
            return Ending.restart();
        }
        Connection open = transaction.connection();
        lockCycle(open, cycle);
        if (!keepQuery(open, cycle.queryId())) {
            return refuse(null, Refusal.NO_QUERY);
        }
        Source source = keepPartitions(open, cycle.partitionId(), flush.partitionIds());
        if (source == null) {
            return refuse(null, Refusal.NO_PARTITION);
        }
        if (!transaction.write(flush)) {
            return Ending.restart();
        }
        change(open, cycle, source);
        Acknowledgement upTo = cycle.upTo();
        if (upTo == null) {
            return Ending.commit(new Outcome(source.queue(), null, flush.outcomes(), null));
        }
        AcknowledgeOutcome outcome = acknowledge.runUpTo(open, upTo, cycle.releases());
        if (outcome instanceof AcknowledgeOutcome.Acknowledged acknowledged) {
            return Ending.commit(new Outcome(source.queue(), null, flush.outcomes(), acknowledged));
        }
        boolean unknown = outcome instanceof AcknowledgeOutcome.NotFound;
        return refuse(source.queue(), unknown ? Refusal.NO_MESSAGE : Refusal.LEASE_INVALID);
    }

    private static Ending<Outcome> refuse(@Nullable String queue, Refusal refusal) {
        return Ending.rollBack(new Outcome(queue, refusal, List.of(), null));
    }

    private void lockCycle(Connection open, StreamCycle cycle) throws SQLException {
        String name = "sluice cycle " + schema + " " + cycle.queryId() + " " + cycle.partitionId();
        statements.on(open, "lock-cycle").set("cycle", name).run();
    }

    /** Locks the query. Returns false if it does not exist. */
    private boolean keepQuery(Connection open, long queryId) throws SQLException {
        return statements
                .on(open, "keep-query")
                .set("query", queryId)
                .first(row -> true)
                .isPresent();
    }

    /** Locks the partitions. Returns the queue of the partition that is read; null if the partition is deleted. */
    private @Nullable Source keepPartitions(Connection open, long partitionId, List<Long> targets) throws SQLException {
        var partitions = new TreeSet<>(targets);
        partitions.add(partitionId);
        return statements
                .on(open, "keep-partitions")
                .set("partitions", partitions, Long::longValue)
                .list(row ->
                        new Source(row.getLong("id"), row.getString("queue"), row.getBoolean("encryption_enabled")))
                .stream()
                .filter(source -> source.partitionId() == partitionId)
                .findFirst()
                .orElse(null);
    }

    private void change(Connection open, StreamCycle cycle, Source source) throws SQLException {
        var last = new LinkedHashMap<String, Change>();
        cycle.changes().forEach(change -> last.put(change.key(), change));
        var deleted = new ArrayList<String>();
        var put = new ArrayList<Change>();
        for (Change change : last.values()) {
            if (change.value() == null) {
                deleted.add(change.key());
            } else {
                put.add(change);
            }
        }
        if (!deleted.isEmpty()) {
            statements
                    .on(open, "delete-state")
                    .set("partition", cycle.partitionId())
                    .set("query", cycle.queryId())
                    .setTexts("keys", deleted, key -> key)
                    .execute();
        }
        if (put.isEmpty()) {
            return;
        }
        if (source.encrypted()) {
            cipher.requireKey(source.queue());
        }
        statements
                .on(open, "put-state")
                .set("partition", cycle.partitionId())
                .set("query", cycle.queryId())
                .setTexts("keys", put, Change::key)
                .setTexts("values", put, change -> stored(change, source))
                .set("window_ends", put.stream().map(Change::windowEnd).toArray(Double[]::new))
                .execute();
    }

    private @Nullable String stored(Change change, Source source) {
        String value = change.value();
        return value == null || !source.encrypted() ? value : cipher.seal(source.queue(), value);
    }
}
