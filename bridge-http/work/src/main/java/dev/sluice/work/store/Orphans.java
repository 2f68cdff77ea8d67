package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/** Deletes rows of works whose queues were deleted. Reads whole tables, so it runs rarely. */
public final class Orphans {
    private static final List<String> STATEMENTS = List.of(
            "delete-claims",
            "delete-items",
            "delete-keys",
            "delete-cancels",
            "delete-ends",
            "delete-minutes",
            "delete-progress",
            "delete-limits",
            "delete-lines",
            "delete-latest");

    private final Statements statements;

    public Orphans(String schema) {
        this.statements = Statements.read(Orphans.class, "orphans.sql", schema);
    }

    /** Deletes the rows. Returns how many. */
    public int delete(Connection connection) throws SQLException {
        int deleted = 0;
        for (String name : STATEMENTS) {
            deleted += statements.on(connection, name).execute();
        }
        return deleted;
    }
}
