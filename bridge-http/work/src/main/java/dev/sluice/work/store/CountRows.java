package dev.sluice.work.store;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/** Numbers of works, and the table {@code work_minutes}: what engines have done, by minute. */
public final class CountRows {
    /** Most rows of a kind and queue that are counted. */
    private static final int MOST = 1_000_000;

    private final Statements statements;
    private final String group;

    /** Makes the rows of a schema, whose queues are read by {@code group}. */
    public CountRows(String schema, String group) {
        this.statements = Statements.read(CountRows.class, "counts.sql", schema);
        this.group = group;
    }

    /**
     * What was done with the works of a queue.
     *
     * @param failed attempts that failed
     * @param runs runs of handlers that have ended
     * @param nanos the sum of their times
     * @param durations how many of them fell into each class of times
     */
    public record Done(
            long queueId,
            long completed,
            long failed,
            long deadLettered,
            long runs,
            long nanos,
            Map<Integer, Long> durations) {}

    /** Adds to what an engine has done in this minute. */
    public void add(Connection connection, UUID engine, List<Done> done) throws SQLException {
        statements
                .on(connection, "add")
                .set("engine", engine)
                .set("queues", done, Done::queueId)
                .set("completed", done, Done::completed)
                .set("failed", done, Done::failed)
                .set("dead", done, Done::deadLettered)
                .set("runs", done, Done::runs)
                .set("run_ns", done, Done::nanos)
                .setTexts("durations", done, each -> array(each.durations().keySet()))
                .setTexts("counts", done, each -> array(each.durations().values()))
                .execute();
    }

    private static String array(Iterable<? extends Number> numbers) {
        var text = new StringBuilder("{");
        numbers.forEach(number -> text.append(text.length() == 1 ? "" : ",").append(number));
        return text.append('}').toString();
    }

    /** Returns what all engines have done within a time, by id of the queue. Queues without any are missing. */
    public Map<Long, Done> done(Connection connection, List<Long> queues, Duration window) throws SQLException {
        var durations = new HashMap<Long, Map<Integer, Long>>();
        within(connection, "durations", queues, window)
                .forEach(row -> durations
                        .computeIfAbsent(row.getLong("queue_id"), queue -> new TreeMap<>())
                        .put(row.getInt("duration"), row.getLong("count")));
        return within(connection, "sums", queues, window)
                .list(row -> new Done(
                        row.getLong("queue_id"),
                        row.getLong("completed"),
                        row.getLong("failed"),
                        row.getLong("dead_lettered"),
                        row.getLong("runs"),
                        row.getLong("run_ns"),
                        durations.getOrDefault(row.getLong("queue_id"), Map.of())))
                .stream()
                .collect(Collectors.toMap(Done::queueId, each -> each));
    }

    private BoundStatement within(Connection connection, String statement, List<Long> queues, Duration window)
            throws SQLException {
        return statements
                .on(connection, statement)
                .set("queues", queues, Long::longValue)
                .set("window_ms", window.toMillis());
    }

    /** Deletes at most {@code limit} rows that are older than a day. Returns how many. */
    public int deleteOld(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "delete-old").set("limit", limit).execute();
    }

    /**
     * How many works of a queue there are in each state, besides those that wait in partitions.
     *
     * @param processing works that engines hold
     * @param waiting works that engines have given back, or held when they died
     * @param dead dead letters
     */
    public record Held(
            long queueId, long processing, long waiting, long retrying, long snoozed, long scheduled, long dead) {}

    /** Returns the numbers of queues. */
    public List<Held> held(Connection connection, List<Long> queues) throws SQLException {
        return statements
                .on(connection, "held")
                .set("queues", queues, Long::longValue)
                .set("group", group)
                .set("most", MOST)
                .list(row -> new Held(
                        row.getLong("queue_id"),
                        row.getLong("processing"),
                        row.getLong("waiting_items"),
                        row.getLong("retrying"),
                        row.getLong("snoozed"),
                        row.getLong("scheduled"),
                        row.getLong("dead")));
    }
}
