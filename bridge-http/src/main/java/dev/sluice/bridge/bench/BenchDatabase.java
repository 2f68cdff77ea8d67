package dev.sluice.bridge.bench;

import dev.sluice.queue.sql.Statements;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;

/**
 * The database behind the bridge: its counters, and the floors that are measured in it. Its tables are in the schema
 * {@code sluice_bench}, which {@link #close} drops. Owned by one thread.
 */
public final class BenchDatabase implements AutoCloseable {
    private static final Statements SQL = Statements.read(BenchDatabase.class, "bench_database.sql", "sluice");
    private static final int WAL_IN_PG_STAT_IO = 180_000;
    private static final int PIECE_BYTES = 256 * 1024;

    private final Connection connection;
    private final int version;
    private final String versionName;

    private BenchDatabase(Connection connection) throws SQLException {
        this.connection = connection;
        record Version(int number, String name) {}
        Version server = SQL.on(connection, "version")
                .first(row -> new Version(row.getInt(1), row.getString(2)))
                .orElseThrow();
        version = server.number;
        versionName = server.name;
    }

    /** Opens a connection of its own to an address of JDBC, which also names user and password. */
    public static BenchDatabase open(String url) throws SQLException {
        Connection connection = DriverManager.getConnection(url);
        try {
            var database = new BenchDatabase(connection);
            for (String statement :
                    new String[] {"create-schema", "create-commits", "create-segments", "create-sample"}) {
                SQL.on(connection, statement).execute();
            }
            return database;
        } catch (SQLException | RuntimeException | Error e) {
            try (connection) {
                throw e;
            }
        }
    }

    public String version() {
        return versionName;
    }

    public double walBytes() throws SQLException {
        return number("wal-bytes");
    }

    /** Returns how often the server has synced its log. Sessions report that with a delay of up to a second. */
    double walSyncs() throws SQLException {
        return number(version >= WAL_IN_PG_STAT_IO ? "wal-syncs-18" : "wal-syncs-14");
    }

    double commits() throws SQLException {
        return number("commits");
    }

    private double number(String statement) throws SQLException {
        return SQL.on(connection, statement).first(row -> row.getDouble(1)).orElse(Double.NaN);
    }

    /** Writes everything to the data files that is only in memory and in the write-ahead log. */
    public void checkpoint() throws SQLException {
        SQL.on(connection, "checkpoint").execute();
    }

    /** Makes one round trip. */
    void selectOne() throws SQLException {
        SQL.on(connection, "select-1").forEach(row -> {});
    }

    /** Inserts one row and commits. */
    void commit(String payload) throws SQLException {
        SQL.on(connection, "insert").set("payload", payload).execute();
    }

    /** Empties the tables of the benchmark. */
    void truncate() throws SQLException {
        SQL.on(connection, "truncate").execute();
    }

    /** Rows of the queue's table of segments, in the binary format of COPY. */
    static final class Segments {
        private final byte[] bytes;
        private final double messages;

        private Segments(byte[] bytes, double messages) {
            this.bytes = bytes;
            this.messages = messages;
        }

        /** Returns how many messages are in the rows. */
        double messages() {
            return messages;
        }
    }

    /**
     * Reads rows that the bridge has written.
     *
     * @param count how many rows
     * @param least how many messages each of them has at least
     */
    Segments segments(int count, int least) throws SQLException, IOException {
        SQL.on(connection, "fill-sample")
                .set("more", least - 1)
                .set("segments", count)
                .execute();
        double messages = number("sampled-messages");
        var bytes = new ByteArrayOutputStream();
        CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
        copy.copyOut(SQL.get("copy-out").text(), bytes);
        return new Segments(bytes.toByteArray(), messages);
    }

    /** Copies rows into a table of the same columns without an index, and commits. */
    void copy(Segments segments) throws SQLException {
        CopyIn copy = connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn(SQL.get("copy-in").text());
        try {
            for (int at = 0; at < segments.bytes.length; at += PIECE_BYTES) {
                copy.writeToCopy(segments.bytes, at, Math.min(PIECE_BYTES, segments.bytes.length - at));
            }
            copy.endCopy();
        } finally {
            if (copy.isActive()) {
                copy.cancelCopy();
            }
        }
    }

    @Override
    public void close() throws SQLException {
        try (connection) {
            SQL.on(connection, "drop-schema").execute();
        }
    }
}
