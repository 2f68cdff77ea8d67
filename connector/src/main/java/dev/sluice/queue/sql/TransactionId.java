package dev.sluice.queue.sql;

import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Names a transaction so that another connection can ask what became of it.
 *
 * @param id 64-bit transaction id
 * @param at when it was asked for, by the server's clock. A server that crashed since may give out the id again
 * @param timeline timeline of the server's log. A promoted standby begins another one and may give out the same ids
 *     again
 */
public record TransactionId(String id, String at, String timeline) {
    private static final Sql READ = Sql.parse("select pg_current_xact_id_if_assigned()::text as id,"
            + " clock_timestamp()::text as at, case when pg_current_xact_id_if_assigned() is not null"
            + " then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end as timeline");

    /** Returns the id of the connection's transaction; null if the transaction has changed nothing. */
    public static @Nullable TransactionId of(Connection connection) throws SQLException {
        try (var statement = new BoundStatement(connection, READ);
                ResultSet row = statement.query()) {
            row.next();
            String id = row.getString("id");
            return id == null ? null : new TransactionId(id, row.getString("at"), row.getString("timeline"));
        }
    }
}
