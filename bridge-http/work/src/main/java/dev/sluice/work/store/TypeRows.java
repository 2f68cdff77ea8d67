package dev.sluice.work.store;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The queues of types of work, and the table {@code work_types}: what operators have set. */
public final class TypeRows {
    /** Most items that are counted. */
    private static final int MOST_ITEMS = 1_000_000;

    private final Statements statements;
    private final String group;

    /** Makes the rows of a schema, whose queues are read by {@code group}. */
    public TypeRows(String schema, String group) {
        this.statements = Statements.read(TypeRows.class, "types.sql", schema);
        this.group = group;
    }

    /**
     * A queue, and what operators have set for it.
     *
     * @param concurrency most works that an engine runs at a time; null: as the engine is set up
     * @param hasCancels whether works of the queue are to be cancelled
     * @param limitKey where the limit keys of works are; null: works have none
     * @param hasRules whether there are rules of limits
     * @param hasKeyRules whether there are rules for limit keys
     * @param hasLines whether works wait in lines
     * @param limits the limits over all engines
     * @param breaker {@code open} or {@code closed}, if the circuit breaker is forced; null: it is not
     * @param breakerResets how often the circuit breaker was reset
     */
    public record State(
            String queue,
            long queueId,
            boolean isEncrypted,
            boolean isPaused,
            @Nullable Integer concurrency,
            boolean hasCancels,
            @Nullable LimitKey limitKey,
            boolean hasRules,
            boolean hasKeyRules,
            boolean hasLines,
            LimitRules limits,
            @Nullable String breaker,
            long breakerResets) {

        /** Returns the limit key of a work: what the program says, or else what is in its place; null: none. */
        public @Nullable String limitKey(@Nullable String given, byte[] payload, Map<String, String> headers) {
            return given != null || limitKey == null ? given : limitKey.of(payload, headers);
        }

        /** Returns whether claims need room, or choose among limit keys. */
        public boolean isLimited() {
            return limitKey != null || hasRules;
        }

        /** Returns whether works wait in the lines of their limit keys. */
        public boolean usesLines() {
            return limitKey != null || hasKeyRules;
        }

        /** Returns the state with its limits. */
        public State with(LimitRules rules) {
            return new State(
                    queue,
                    queueId,
                    isEncrypted,
                    isPaused,
                    concurrency,
                    hasCancels,
                    limitKey,
                    hasRules,
                    hasKeyRules,
                    hasLines,
                    rules,
                    breaker,
                    breakerResets);
        }

        private static State of(ResultSet row) throws SQLException {
            int set = row.getInt("concurrency");
            Integer concurrency = row.wasNull() ? null : set;
            return new State(
                    row.getString("name"),
                    row.getLong("id"),
                    row.getBoolean("encryption_enabled"),
                    row.getBoolean("is_paused"),
                    concurrency,
                    row.getBoolean("has_cancels"),
                    LimitKey.ofStored(row.getString("limit_key")),
                    row.getBoolean("has_rules"),
                    row.getBoolean("has_key_rules"),
                    row.getBoolean("has_lines"),
                    LimitRules.NONE,
                    row.getString("breaker"),
                    row.getLong("breaker_resets"));
        }
    }

    /** Creates a queue unless it exists. */
    public void createQueue(Connection connection, String queue, String namespace, String task) throws SQLException {
        statements
                .on(connection, "create-queue")
                .set("queue", queue)
                .set("namespace", namespace)
                .set("task", task)
                .execute();
    }

    /** Creates the queue of events unless it exists. */
    public void createEventQueue(Connection connection, String queue, Duration ttl) throws SQLException {
        statements
                .on(connection, "create-event-queue")
                .set("queue", queue)
                .set("ttl_s", ttl.toSeconds())
                .execute();
    }

    /** Returns the states of those of the queues that exist. */
    public List<State> load(Connection connection, Collection<String> queues) throws SQLException {
        return statements
                .on(connection, "load")
                .setTexts("queues", queues, queue -> queue)
                .list(State::of);
    }

    public void pause(Connection connection, String queue) throws SQLException {
        statements.on(connection, "pause").set("queue", queue).execute();
    }

    public void resume(Connection connection, String queue) throws SQLException {
        statements.on(connection, "resume").set("queue", queue).execute();
    }

    /** Sets how many works of a queue an engine runs at a time; null: as the engine is set up. */
    public void setConcurrency(Connection connection, String queue, @Nullable Integer concurrency) throws SQLException {
        statements
                .on(connection, "set-concurrency")
                .set("queue", queue)
                .set("concurrency", concurrency == null ? null : concurrency.longValue())
                .execute();
    }

    /** Forces the circuit breaker {@code open} or {@code closed}. */
    public void forceBreaker(Connection connection, String queue, String state) throws SQLException {
        statements
                .on(connection, "force-breaker")
                .set("queue", queue)
                .set("breaker", state)
                .execute();
    }

    /** Ends what was forced, and lets all engines close the circuit breakers. */
    public void resetBreaker(Connection connection, String queue) throws SQLException {
        statements.on(connection, "reset-breaker").set("queue", queue).execute();
    }

    /** Returns how many works of a queue no engine has claimed, without those that are scheduled. */
    public long waiting(Connection connection, String queue) throws SQLException {
        return waiting(connection, queue, MOST_ITEMS);
    }

    /** Returns how many of these works have no history. */
    public long inPartitions(Connection connection, String queue) throws SQLException {
        return waiting(connection, queue, 0);
    }

    private long waiting(Connection connection, String queue, int mostItems) throws SQLException {
        return statements
                .on(connection, "waiting")
                .set("queue", queue)
                .set("group", group)
                .set("most", mostItems)
                .first(row -> row.getLong("works"))
                .orElse(0L);
    }

    /** Returns the database's time. */
    public Instant now(Connection connection) throws SQLException {
        return statements
                .on(connection, "now")
                .first(row -> Objects.requireNonNull(Rows.instant(row, "now")))
                .orElseThrow();
    }
}
