package dev.sluice.queue.transact;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.StreamIds;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Registers the queries of stream processors and reads their state. A {@link StreamCycle} changes the state.
 *
 * <p>Every method blocks until its commit. Safe for use by many threads and by many processes on one database.
 */
public final class Streams {
    /** Most rows of state in one result. */
    public static final int MAX_ROWS = 100_000;
    /** Most characters of keys and values in one result. */
    public static final int MAX_CHARACTERS = 64 << 20;

    private static final int FETCH = 500;
    /** A suffix that sorts a prefix after all keys that begin with it: the greatest code point, as long as a key. */
    private static final String ABOVE =
            Character.toString(Character.MAX_CODE_POINT).repeat(StreamCycle.MAX_KEY_LENGTH);

    private final Transactions transactions;
    private final Statements statements;
    private final PayloadCipher cipher;
    private final int maxRows;
    private final int maxCharacters;

    /**
     * Makes the streams of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts the state of encrypted queues
     */
    public Streams(DataSource dataSource, String schema, PayloadCipher cipher) {
        this(dataSource, schema, cipher, MAX_ROWS, MAX_CHARACTERS);
    }

    /**
     * Makes the streams with a smaller bound on results, for a process with little memory.
     *
     * @param maxCharacters most characters of keys and values in one result
     */
    public Streams(DataSource dataSource, String schema, PayloadCipher cipher, int maxCharacters) {
        this(dataSource, schema, cipher, MAX_ROWS, maxCharacters);
    }

    Streams(DataSource dataSource, String schema, PayloadCipher cipher, int maxRows, int maxCharacters) {
        this.transactions = Transactions.byIndex(dataSource);
        this.statements = Statements.read("streams.sql", schema);
        this.cipher = cipher;
        this.maxRows = maxRows;
        this.maxCharacters = maxCharacters;
    }

    /** Returns the most characters of keys and values in one result. */
    public int maxCharacters() {
        return maxCharacters;
    }

    /** The outcome of a registration. */
    public enum Registered {
        /** The query is new. */
        FRESH,
        /** The query exists with the same configuration and keeps its state. */
        SAME,
        /** The query existed with another configuration; its state was dropped. */
        RESET,
        /** The query exists with another configuration, and no reset was asked for: nothing is changed. */
        MISMATCH
    }

    /**
     * A query.
     *
     * @param id its id, see {@link StreamIds}
     * @param registered outcome of the registration
     */
    public record Query(long id, Registered registered) {}

    /**
     * Registers a query, or finds the query of that name.
     *
     * @param sinkQueue queue to which it pushes; null: none in particular
     * @param configHash hash of its configuration
     * @param reset whether to drop its state if the configuration differs; waits for its running cycles
     * @throws IllegalArgumentException if a name breaks the rules of queue names
     * @throws QueueException if PostgreSQL failed; nothing is changed, unless the commit failed
     */
    public Query register(
            String name, String sourceQueue, @Nullable String sinkQueue, String configHash, boolean reset) {
        NewMessage.checkName("name", name);
        NewMessage.checkName("source_queue", sourceQueue);
        NewMessage.checkName("config_hash", configHash);
        if (sinkQueue != null) {
            NewMessage.checkName("sink_queue", sinkQueue);
        }
        return transactions.run("could not register stream " + name, connection -> {
            Optional<Long> added = statements
                    .on(connection, "add-query")
                    .set("name", name)
                    .set("source", sourceQueue)
                    .set("sink", sinkQueue)
                    .set("hash", configHash)
                    .first(row -> row.getLong("id"));
            if (added.isPresent()) {
                return new Query(added.get(), Registered.FRESH);
            }
            Known known = statements
                    .on(connection, "lock-query")
                    .set("name", name)
                    .first(row -> new Known(row.getLong("id"), row.getString("config_hash")))
                    .orElseThrow(); // Nothing deletes queries.
            boolean same = known.configHash().equals(configHash);
            if (!same && !reset) {
                return new Query(known.id(), Registered.MISMATCH);
            }
            if (!same) {
                statements.on(connection, "drop-state").set("query", known.id()).execute();
            }
            statements
                    .on(connection, "update-query")
                    .set("query", known.id())
                    .set("source", sourceQueue)
                    .set("sink", sinkQueue)
                    .set("hash", configHash)
                    .execute();
            return new Query(known.id(), same ? Registered.SAME : Registered.RESET);
        });
    }

    private record Known(long id, String configHash) {}

    /**
     * The state of one key.
     *
     * @param key the key
     * @param value JSON text, byte for byte as it was stored
     * @param updatedAt when it was stored
     */
    public record Row(String key, String value, Instant updatedAt) {}

    /**
     * Selects a part of a state. A key must meet all conditions.
     *
     * @param keys the key is one of these; empty: any key
     * @param prefix the key begins with this
     * @param ripeAt the window of the key has ended by this time; null: any key, with or without a window
     */
    public record Part(
            List<String> keys, String prefix, @Nullable Double ripeAt) {
        /** The whole state. */
        public static final Part ALL = new Part(List.of(), "", null);

        /**
         * Checks the keys.
         *
         * @throws IllegalArgumentException if one cannot be a key
         */
        public Part {
            keys = List.copyOf(keys);
            keys.forEach(key -> StreamCycle.checkKey("keys", key));
            StreamCycle.checkKey("key_prefix", prefix);
        }
    }

    /**
     * Returns the state of a query and partition, in the byte order of the keys. The state of an unknown query or
     * partition has no rows.
     *
     * @return empty if there are more than {@link #MAX_ROWS} rows or {@link #maxCharacters} characters
     * @throws QueueException if PostgreSQL failed
     */
    public Optional<List<Row>> state(long queryId, long partitionId, Part part) {
        requireNonNull(part, "part");
        return transactions.run("could not read the state of a stream", connection -> {
            Optional<String> queue = statements
                    .on(connection, "queue-of-partition")
                    .set("partition", partitionId)
                    .first(row -> row.getString("queue"));
            if (queue.isEmpty()) {
                return Optional.of(List.of());
            }
            try (var statement = statements
                            .on(connection, "state")
                            .set("partition", partitionId)
                            .set("query", queryId)
                            .set(
                                    "keys",
                                    part.keys().isEmpty() ? null : part.keys().toArray(String[]::new))
                            .set("prefix", part.prefix())
                            .set("above", part.prefix() + ABOVE)
                            .set("ripe_at", part.ripeAt())
                            .set("limit", maxRows + 1)
                            .fetch(FETCH);
                    ResultSet row = statement.query()) {
                return read(row, queue.get());
            }
        });
    }

    private Optional<List<Row>> read(ResultSet row, String queue) throws SQLException {
        var rows = new ArrayList<Row>();
        long characters = 0;
        while (row.next()) {
            String key = row.getString("key");
            String value = cipher.open(queue, row.getString("value"));
            characters += key.length() + value.length();
            if (rows.size() == maxRows || characters > maxCharacters) {
                return Optional.empty();
            }
            rows.add(new Row(key, value, row.getTimestamp("updated_at").toInstant()));
        }
        return Optional.of(List.copyOf(rows));
    }
}
