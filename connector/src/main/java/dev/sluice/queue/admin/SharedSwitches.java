package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.util.HashSet;
import java.util.Set;
import javax.sql.DataSource;

/**
 * Named switches that all processes on a schema share. A switch is off until it is turned on.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class SharedSwitches {
    private final Transactions transactions;
    private final Statements statements;

    /** Makes the switches of a schema that {@link QueueSchema} has brought up to date. */
    public SharedSwitches(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("shared_switches.sql", schema);
    }

    /**
     * Returns the names of the switches that are on.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Set<String> on() {
        return transactions.run(
                "could not read the shared state",
                connection ->
                        new HashSet<>(statements.on(connection, "switches-on").list(row -> row.getString("key"))));
    }

    /**
     * Turns a switch on or off.
     *
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public void set(String name, boolean on) {
        requireNonNull(name, "name");
        transactions.run(
                "could not write the shared state",
                connection -> statements
                        .on(connection, "set-switch")
                        .set("key", name)
                        .set("enabled", on)
                        .execute());
    }
}
