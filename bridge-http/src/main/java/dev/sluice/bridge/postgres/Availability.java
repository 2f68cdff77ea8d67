package dev.sluice.bridge.postgres;

import dev.sluice.queue.QueueException;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Answers whether the database can be used now, from what {@link Database}, {@link SchemaOpener} and {@link WriteProbe}
 * know. So a request fails at once instead of waiting for a connection. Never blocks; any thread may call.
 */
public final class Availability {
    private final Database database;
    private final SchemaOpener schema;
    private final WriteProbe writes;

    public Availability(Database database, SchemaOpener schema, WriteProbe writes) {
        this.database = database;
        this.schema = schema;
        this.writes = writes;
    }

    /**
     * Fails while the database is known to be away.
     *
     * @throws QueueException if it is; a retry may help
     */
    public void requireDatabase() {
        if (!schema.isReady() || !database.isConnected()) {
            String reason = database.problem();
            throw new QueueException(
                    "could not use the queue",
                    new SQLException(reason == null ? "its schema is not ready yet" : reason, "08001"));
        }
    }

    /**
     * Fails while the database is known to be away or to take no writes: a commit that hangs cannot be taken back.
     *
     * @throws QueueException if it is or does; a retry may help
     */
    public void requireWrites() {
        requireDatabase();
        String refusal = writes.refusal();
        if (refusal != null) {
            throw new QueueException("could not write", new SQLException(refusal, "57P03"));
        }
    }

    /** Returns whether the database was used before, and now is away or takes no writes. */
    public boolean isAway() {
        return schema.isReady() && (!database.isConnected() || writes.refusal() != null);
    }

    /** Returns the current problem of the database; null if there is none. */
    @Nullable
    public String problem() {
        String problem = database.problem();
        return problem == null ? writes.refusal() : problem;
    }

    /** Returns the connections of a pool, whose transactions commit only while the database takes writes. */
    public DataSource gated(DataSource pool) {
        return new GatedConnections(pool, this::requireWrites);
    }
}
