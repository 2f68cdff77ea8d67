package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.ResultSet;
import java.util.HashSet;
import java.util.Set;
import javax.sql.DataSource;

/**
 * Switches that all processes on a schema have in common, by name. A switch nobody has set is off.
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
     * Returns the names of those that are on.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Set<String> on() {
        return transactions.run("could not read the shared state", connection -> {
            var on = new HashSet<String>();
            try (var statement = new BoundStatement(connection, statements.get("switches-on"));
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    on.add(row.getString("key"));
                }
            }
            return on;
        });
    }

    /**
     * Sets one.
     *
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    public void set(String name, boolean on) {
        transactions.run("could not write the shared state", connection -> {
            try (var statement = new BoundStatement(connection, statements.get("set-switch"))
                    .set("key", requireNonNull(name, "name"))
                    .set("enabled", on)) {
                return statement.update();
            }
        });
    }
}
