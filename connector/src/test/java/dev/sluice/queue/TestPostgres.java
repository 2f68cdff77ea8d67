package dev.sluice.queue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import javax.sql.DataSource;

/**
 * A PostgreSQL server for tests, as durable as the one the product runs: {@code fsync} and {@code synchronous_commit} on.
 * One server for all tests of a JVM; each test takes a database of its own.
 *
 * <p>The server is one of our own, unless the system property {@value #ADDRESS} names another as {@code host:port}; it lets the
 * user {@code postgres} in without a password.
 */
public final class TestPostgres implements AutoCloseable {
    public static final String ADDRESS = "sluice.test.postgres";

    private static final AtomicInteger DATABASES = new AtomicInteger();

    private final String url;
    private final HikariDataSource dataSource;

    private TestPostgres(String url, int connections) {
        this.url = url;
        var config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setUsername("postgres");
        config.setMaximumPoolSize(connections);
        config.setMinimumIdle(0);
        this.dataSource = new HikariDataSource(config);
    }

    /** Makes an empty database with the queue's schema in it. */
    public static TestPostgres withSchema() {
        TestPostgres database = empty();
        QueueSchema.apply(database.dataSource(), "sluice");
        return database;
    }

    /** Makes an empty database. */
    public static TestPostgres empty() {
        return empty(Server.SHARED);
    }

    /** Makes an empty database on a server of the oldest version the queue takes, which is another server. */
    static TestPostgres emptyOnOldest() {
        return empty(OldestServer.SHARED);
    }

    private static TestPostgres empty(String address) {
        String name = "test" + DATABASES.incrementAndGet();
        String server = "jdbc:postgresql://" + address + "/";
        try (Connection connection = DriverManager.getConnection(server + "postgres", "postgres", "");
                Statement statement = connection.createStatement()) {
            statement.execute("create database " + name);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        return new TestPostgres(server + name, 32);
    }

    /** Makes commits of this database not wait for the disk: for thousands of steps that are about something else. */
    public TestPostgres withoutSyncs() {
        execute(
                "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$");
        dataSource.getHikariPoolMXBean().softEvictConnections();
        return this;
    }

    /** Returns the JDBC URL; user {@code postgres}, no password. */
    public String url() {
        return url;
    }

    /** Returns a pool on the database. */
    public DataSource dataSource() {
        return dataSource;
    }

    /** Runs statements. */
    public void execute(String sql) {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    /** Runs a query; each row is its columns as text, joined by {@code |}. */
    public List<String> query(String sql) {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            var rows = new ArrayList<String>();
            while (row.next()) {
                var columns = new ArrayList<String>();
                for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
                    columns.add(row.getString(i));
                }
                rows.add(String.join("|", columns));
            }
            return rows;
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    /** Closes the pool. The server stops with the JVM. */
    @Override
    public void close() {
        dataSource.close();
    }

    /** Starts a server and returns its address. */
    private static String start(EmbeddedPostgres.Builder builder) {
        try {
            EmbeddedPostgres server = builder.setServerConfig("fsync", "on")
                    .setServerConfig("synchronous_commit", "on")
                    .setServerConfig("full_page_writes", "on")
                    .setServerConfig("timezone", "UTC")
                    .setServerConfig("max_connections", "300")
                    .start();
            return "127.0.0.1:" + server.getPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static final class Server {
        static final String SHARED = address();

        private static String address() {
            String other = System.getProperty(ADDRESS);
            return other == null ? start(EmbeddedPostgres.builder()) : other;
        }
    }

    private static final class OldestServer {
        static final String SHARED = start(EmbeddedPostgres.builder().setPgBinaryResolver(OldestServer::archive));

        private static InputStream archive(String system, String processor) throws IOException {
            try (var jar = new JarFile(System.getProperty("oldest-postgres.jar"))) {
                JarEntry archive = jar.stream()
                        .filter(entry -> entry.getName().endsWith(".txz"))
                        .findFirst()
                        .orElseThrow();
                return new ByteArrayInputStream(jar.getInputStream(archive).readAllBytes());
            }
        }
    }
}
