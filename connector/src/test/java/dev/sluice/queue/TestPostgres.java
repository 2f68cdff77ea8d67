package dev.sluice.queue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.queue.sql.QueueSchema;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import javax.sql.DataSource;

/**
 * A database of its own for a test, on a PostgreSQL server that all tests of a JVM share. The server is as durable as
 * the embedded server of the product: {@code fsync} and {@code synchronous_commit} are on.
 *
 * <p>The server is embedded, unless the system property {@value #ADDRESS} names another one as {@code host:port}. The
 * user {@code postgres} logs in without a password.
 */
public final class TestPostgres implements AutoCloseable {
    public static final String ADDRESS = "sluice.test.postgres";

    /** The start takes long on a busy machine. */
    static final Duration START_TIMEOUT = Duration.ofSeconds(120);

    private static final int STOP_SECONDS = 60;
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
        config.setConnectionInitSql("set jit = off");
        config.setConnectionTimeout(Duration.ofSeconds(1).toMillis());
        this.dataSource = new AskingAgain(config);
    }

    /** Creates a database with the queue's schema. It is a copy of a template, which is faster. */
    public static TestPostgres withSchema() {
        return make(Server.SHARED, Template.NAME);
    }

    /** Creates an empty database. */
    public static TestPostgres empty() {
        return empty(Server.SHARED);
    }

    /** Creates an empty database on another server, of the oldest supported version. */
    public static TestPostgres emptyOnOldest() {
        return empty(OldestServer.SHARED);
    }

    private static TestPostgres empty(String address) {
        return make(address, "template1");
    }

    private static TestPostgres make(String address, String template) {
        String name = "test" + DATABASES.incrementAndGet();
        String server = "jdbc:postgresql://" + address + "/";
        try (Connection connection = DriverManager.getConnection(server + "postgres", "postgres", "");
                Statement statement = connection.createStatement()) {
            statement.execute("create database " + name + " template " + template);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        return new TestPostgres(server + name, 32);
    }

    /** Turns synchronous commits off in this database, for tests with thousands of steps. */
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

    /** Runs a query. Returns the columns of each row as text, joined by {@code |}. */
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

    /** Closes the pool. The server ends with the JVM. */
    @Override
    public void close() {
        dataSource.close();
    }

    /** Starts a server and returns its address. */
    private static String start(EmbeddedPostgres.Builder builder) {
        try {
            Path directory = Files.createTempDirectory("sluice-postgres");
            EmbeddedPostgres server = builder.setDataDirectory(directory)
                    .setPGStartupWait(START_TIMEOUT)
                    .setRegisterShutdownHook(false)
                    .setServerConfig("fsync", "on")
                    .setServerConfig("synchronous_commit", "on")
                    .setServerConfig("full_page_writes", "on")
                    .setServerConfig("timezone", "UTC")
                    .setServerConfig("max_connections", "300")
                    .start();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> discard(directory)));
            return "127.0.0.1:" + server.getPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Stops a server at once, without a checkpoint: nothing reads its hundreds of databases again. Nobody waits until
     * their files are deleted, which takes long.
     */
    private static void discard(Path directory) {
        try {
            String postmaster = Files.readAllLines(directory.resolve("postmaster.pid"))
                    .get(0)
                    .strip();
            Optional<ProcessHandle> server = ProcessHandle.of(Long.parseLong(postmaster));
            new ProcessBuilder("kill", "-QUIT", postmaster).start().waitFor();
            if (server.isPresent()) {
                server.get().onExit().get(STOP_SECONDS, TimeUnit.SECONDS);
            }
            new ProcessBuilder("rm", "-rf", directory.toString())
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException | InterruptedException | ExecutionException | TimeoutException e) {
            System.err.println("The PostgreSQL in " + directory + " may be left: " + e);
        }
    }

    /**
     * A pool that starts without connections may overlook one of several callers that ask at the same moment, until the
     * caller times out. A second request makes the pool open a connection.
     */
    private static final class AskingAgain extends HikariDataSource {
        AskingAgain(HikariConfig config) {
            super(config);
        }

        @Override
        public Connection getConnection() throws SQLException {
            long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
            while (true) {
                try {
                    return super.getConnection();
                } catch (SQLTransientConnectionException e) {
                    if (System.nanoTime() - deadline >= 0) {
                        throw e;
                    }
                }
            }
        }
    }

    private static final class Server {
        static final String SHARED = address();

        private static String address() {
            String other = System.getProperty(ADDRESS);
            return other == null ? start(EmbeddedPostgres.builder()) : other;
        }
    }

    /** Name of the template database with the queue's schema. A copy needs that nothing is connected to it. */
    private static final class Template {
        static final String NAME = made();

        private static String made() {
            try (TestPostgres database = empty()) {
                QueueSchema.apply(database.dataSource(), "sluice");
                return database.url().substring(database.url().lastIndexOf('/') + 1);
            }
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
