package dev.sluice.bridge.bench.growth;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

/** What PostgreSQL tells of its size, on a connection of its own. Owned by one thread. */
final class GrowthDatabase implements AutoCloseable {
    private static final Statements SQL = Statements.read(GrowthDatabase.class, "growth_database.sql", "sluice");
    private static final double MB = 1e6;

    private final Connection connection;

    private GrowthDatabase(Connection connection) {
        this.connection = connection;
    }

    static GrowthDatabase open(String url) throws SQLException {
        return new GrowthDatabase(DriverManager.getConnection(url));
    }

    /** Sets the gauges of the database. */
    void read(Sample sample) throws SQLException {
        SQL.on(connection, "sizes")
                .forEach(row -> sample.set(Gauge.DATABASE, row.getDouble(1) / MB)
                        .set(Gauge.WAL_FILES, row.getDouble(2) / MB)
                        .set(Gauge.WAL_WRITTEN, row.getDouble(3) / MB)
                        .set(Gauge.TEMPORARY, row.getDouble(4) / MB));
        SQL.on(connection, "rows")
                .forEach(row ->
                        sample.set(Gauge.DEAD_TUPLES, row.getDouble(1)).set(Gauge.LIVE_TUPLES, row.getDouble(2)));
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
