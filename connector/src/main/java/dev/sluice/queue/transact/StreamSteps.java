package dev.sluice.queue.transact;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.read.Acknowledge;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.transact.StreamCycle.Change;
import dev.sluice.queue.transact.StreamCycle.Refusal;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.TailAdvance;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The statements of a cycle, in the order of the locks: one cycle of a query and partition at a time; the query; the
 * partitions, with the pushes; the state; the cursor. One thread.
 */
final class StreamSteps {
    /** Times a cycle starts again because a partition it pushes to was deleted under it. */
    private static final int MAX_RESTARTS = 5;

    private final QueueWriter writer;
    private final Acknowledge acknowledge;
    private final PayloadCipher cipher;
    private final String schema;
    private final Statements statements;

    StreamSteps(QueueWriter writer, Acknowledge acknowledge, QueueWriterConfig config) {
        this.writer = writer;
        this.acknowledge = acknowledge;
        this.cipher = config.cipher();
        this.schema = config.schema();
        this.statements = Statements.read("streams.sql", config.schema());
    }

    /** Ends the transaction of a cycle that cannot be. */
    static final class Refused extends QueueException {
        private static final long serialVersionUID = 1L;

        private final Refusal refusal;
        private final @Nullable String queue;

        Refused(Refusal refusal, @Nullable String queue) {
            super("rolled back", "40000", null);
            this.refusal = refusal;
            this.queue = queue;
        }

        Refusal refusal() {
            return refusal;
        }

        @Nullable
        String queue() {
            return queue;
        }
    }

    /** The queue a partition is in. */
    private record Source(String queue, boolean encrypted) {}

    /** What a cycle has done beside its pushes, before the commit. */
    record Done(String queue, AcknowledgeOutcome.@Nullable Acknowledged acknowledged) {}

    /** Does all of it, without committing. Throws {@link Refused} if it cannot be. */
    Done run(Connection open, StreamCycle cycle, Flush flush) throws SQLException {
        for (int restart = 0; restart <= MAX_RESTARTS; restart++) {
            // May end the transaction, and with it all locks: so it comes first.
            if (writer.resolve(open, flush)) {
                serialize(open, cycle);
                requireQuery(open, cycle.queryId());
                Source source = keepPartitions(open, cycle.partitionId(), flush.runs());
                if (writer.tryFlush(open, flush)) {
                    change(open, cycle, source);
                    return new Done(source.queue(), acknowledge(open, cycle, source));
                }
            }
            open.rollback();
        }
        throw new QueueException(
                "partitions were deleted " + MAX_RESTARTS + " times while a cycle pushed to them", "55000", null);
    }

    private void serialize(Connection open, StreamCycle cycle) throws SQLException {
        String name = "sluice cycle " + schema + " " + cycle.queryId() + " " + cycle.partitionId();
        try (var statement = new BoundStatement(open, statements.get("serialize")).set("cycle", name)) {
            statement.query().close();
        }
    }

    private void requireQuery(Connection open, long queryId) throws SQLException {
        try (var statement = new BoundStatement(open, statements.get("keep-query")).set("query", queryId);
                ResultSet row = statement.query()) {
            if (!row.next()) {
                throw new Refused(Refusal.NO_QUERY, null);
            }
        }
    }

    private Source keepPartitions(Connection open, long partitionId, List<Flush.Run> targets) throws SQLException {
        var partitions = new TreeSet<Long>();
        targets.forEach(run -> partitions.add(run.partitionId()));
        partitions.add(partitionId);
        Source source = null;
        try (var statement = new BoundStatement(open, statements.get("keep-partitions"))
                        .set("partitions", TailAdvance.longs(partitions));
                ResultSet row = statement.query()) {
            while (row.next()) {
                if (row.getLong("id") == partitionId) {
                    source = new Source(row.getString("queue"), row.getBoolean("encryption_enabled"));
                }
            }
        }
        if (source == null) {
            throw new Refused(Refusal.NO_PARTITION, null);
        }
        return source;
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
            try (var statement = new BoundStatement(open, statements.get("delete-state"))
                    .set("partition", cycle.partitionId())
                    .set("query", cycle.queryId())
                    .set("keys", deleted.toArray(String[]::new))) {
                statement.update();
            }
        }
        if (put.isEmpty()) {
            return;
        }
        if (source.encrypted()) {
            cipher.requireKey(source.queue());
        }
        try (var statement = new BoundStatement(open, statements.get("put-state"))
                .set("partition", cycle.partitionId())
                .set("query", cycle.queryId())
                .set("keys", put.stream().map(Change::key).toArray(String[]::new))
                .set(
                        "values",
                        put.stream().map(change -> stored(change, source)).toArray(String[]::new))
                .set("window_ends", put.stream().map(Change::windowEnd).toArray(Double[]::new))) {
            statement.update();
        }
    }

    private @Nullable String stored(Change change, Source source) {
        String value = change.value();
        return value == null || !source.encrypted() ? value : cipher.seal(source.queue(), value);
    }

    private AcknowledgeOutcome.@Nullable Acknowledged acknowledge(Connection open, StreamCycle cycle, Source source)
            throws SQLException {
        Acknowledgement upTo = cycle.upTo();
        if (upTo == null) {
            return null;
        }
        AcknowledgeOutcome outcome = acknowledge.runUpTo(open, upTo, cycle.releases());
        if (outcome instanceof AcknowledgeOutcome.Acknowledged acknowledged) {
            return acknowledged;
        }
        boolean unknown = outcome instanceof AcknowledgeOutcome.NotFound;
        throw new Refused(unknown ? Refusal.NO_MESSAGE : Refusal.LEASE_INVALID, source.queue());
    }
}
