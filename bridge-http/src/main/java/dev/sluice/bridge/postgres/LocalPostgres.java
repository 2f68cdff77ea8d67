package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.bridge.system.Shell;
import dev.sluice.bridge.system.StartException;
import dev.sluice.buffer.AtomicFile;
import dev.sluice.queue.sql.SessionSettings;
import dev.sluice.queue.sql.Statements;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL server that the service runs itself, in a directory: for a first try, a test, and a single machine.
 *
 * <pre>
 * server-&lt;checksum&gt;/   the programs
 * cluster/             the data, as initdb creates it; we write sluice.conf in it at every start
 * pgpass               the password, for psql: PGPASSFILE=…
 * postgres.log         the log of the server
 * </pre>
 *
 * <p>The server listens on 127.0.0.1 only, asks for a password, uses UTF-8 and UTC, and is durable: {@code fsync},
 * {@code synchronous_commit} and {@code full_page_writes} are on, or the service does not start. The server outlives a
 * service that was killed; the next service takes it over. {@link ServerWatch} restarts a server that is gone.
 */
public final class LocalPostgres implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LocalPostgres.class);

    private static final Statements SQL = Statements.read(LocalPostgres.class, "local_postgres.sql", "sluice");

    static final String HOST = "127.0.0.1";
    static final String USER = "sluice";

    private static final String DATABASE = "sluice";
    private static final String PASSWORD_FILE = "pgpass";
    private static final String SETTINGS = "sluice.conf";
    private static final int START_SECONDS = 60;
    private static final int STOP_SECONDS = 10;
    private static final long TAKE_OVER_PAUSE_MILLIS = 200;
    private static final long LARGEST_OLD_LOG_BYTES = 10 << 20;
    private static final Pattern PORT_SETTING = Pattern.compile("(?m)^port = (\\d+)$");
    private static final List<String> MUST_BE_ON = List.of("fsync", "synchronous_commit", "full_page_writes");

    private final Path directory;
    private final Path cluster;
    private final Path passwordFile;
    private final PostgresPrograms programs;
    private final String password;
    private final ServerWatch watch = new ServerWatch(this::isAnswering, this::restart);
    private int port;
    private volatile boolean closing;

    private LocalPostgres(Path directory, PostgresPrograms programs) throws IOException {
        this.directory = directory;
        this.programs = programs;
        cluster = directory.resolve("cluster");
        passwordFile = directory.resolve(PASSWORD_FILE);
        password = InitDb.password(passwordFile);
    }

    /**
     * Starts a server on the data in {@code directory}, or takes over the one that runs on it already. Creates the data
     * on the first call. Returns when the server answers.
     *
     * @param port port on 127.0.0.1, or 0 for a free one
     * @param progress told, line by line, what takes long
     * @throws StartException if no server can be had; says why
     */
    public static LocalPostgres start(Path directory, int port, Consumer<String> progress) throws StartException {
        try {
            Path home = OwnFiles.createDirectories(directory).toRealPath();
            OwnFiles.tryToWriteAlone(home);
            Path programs = PostgresBinaries.unpack(home, () -> progress.accept("Unpacking PostgreSQL into " + home));
            var postgres = new LocalPostgres(home, new PostgresPrograms(programs.resolve("bin"), home));
            postgres.start(port, progress);
            return postgres;
        } catch (IOException e) {
            throw new StartException("PostgreSQL in " + directory + " cannot be started: " + FileProblem.of(e), e);
        }
    }

    /**
     * Returns the address of the server that another process runs in {@code directory}; empty if none runs there.
     *
     * @throws StartException if its files cannot be read
     */
    public static Optional<Database.Address> running(Path directory) throws StartException {
        try {
            Path cluster = directory.resolve("cluster");
            if (!Files.isDirectory(cluster)) {
                return Optional.empty();
            }
            Optional<RunningServer> server = RunningServer.of(cluster.toRealPath());
            if (server.isEmpty() || server.get().port() <= 0) {
                return Optional.empty();
            }
            String password = InitDb.password(directory.resolve(PASSWORD_FILE));
            return Optional.of(new Database.Address(url(server.get().port(), DATABASE), USER, password));
        } catch (IOException e) {
            throw new StartException("PostgreSQL in " + directory + " cannot be used: " + FileProblem.of(e), e);
        }
    }

    /** Returns the JDBC address, the user and the password. The user is a superuser. */
    public Database.Address address() {
        return new Database.Address(url(DATABASE), USER, password);
    }

    private String url(String database) {
        return url(port, database);
    }

    private static String url(int port, String database) {
        return "jdbc:postgresql://" + HOST + ":" + port + "/" + database;
    }

    /** Returns a shell command that opens psql on the database. */
    public String psqlCommand() {
        return "PGPASSFILE=" + Shell.quoted(passwordFile.toString()) + " psql -h " + HOST + " -p " + port + " -U "
                + USER + " " + DATABASE;
    }

    private void start(int wantedPort, Consumer<String> progress) throws StartException, IOException {
        if (!Files.isDirectory(cluster)) {
            progress.accept("Creating a database in " + cluster);
            InitDb.create(cluster, programs, password, SETTINGS);
        }
        tightenCluster();
        InitDb.refuseOtherVersion(cluster, programs);
        if (!takeOver(progress)) {
            port = LoopbackPort.choose(wantedPort, lastPort());
            launch();
        }
        try {
            prepareDatabase();
        } catch (StartException e) {
            close();
            throw e;
        }
        watch.start();
    }

    private void tightenCluster() throws StartException {
        OwnFiles.tighten(cluster, "rwxr-x---", "rwx------", "PostgreSQL uses no directory that others may write to");
    }

    /** Takes over a server that a killed service has left. */
    private boolean takeOver(Consumer<String> progress) throws StartException, IOException {
        Optional<RunningServer> running = RunningServer.of(cluster).filter(server -> server.port() > 0);
        if (running.isEmpty()) {
            return false;
        }
        RunningServer server = running.get();
        port = server.port();
        String lastError = "no answer";
        long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (System.nanoTime() - deadlineNanos < 0) {
            try (Connection connection = connect("postgres")) {
                Path served = Path.of(setting(connection, "data_directory"));
                if (!Files.isSameFile(served, cluster)) {
                    throw new StartException("process " + server.pid() + " serves " + served + " on port " + port
                            + " although " + RunningServer.file(cluster) + " says " + cluster
                            + "; stop it, or remove the file");
                }
                progress.accept("Taking over the PostgreSQL that still runs (process " + server.pid() + ")");
                return true;
            } catch (SQLException e) {
                lastError = String.valueOf(e.getMessage()); // It may be starting, recovering or stopping.
            }
            if (!server.isAlive()) {
                return false;
            }
            try {
                Thread.sleep(TAKE_OVER_PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new StartException("the wait for process " + server.pid() + " was interrupted");
            }
        }
        throw new StartException("process " + server.pid() + " holds " + cluster + " but does not answer on port "
                + port + " (" + lastError + "); stop it first");
    }

    private OptionalInt lastPort() throws IOException {
        Path settings = cluster.resolve(SETTINGS);
        if (Files.exists(settings)) {
            Matcher last = PORT_SETTING.matcher(Files.readString(settings));
            if (last.find()) {
                return OptionalInt.of(Integer.parseInt(last.group(1)));
            }
        }
        return OptionalInt.empty();
    }

    private void launch() throws StartException, IOException {
        RunningServer.removeForeignFile(cluster);
        tightenCluster();
        AtomicFile.replace(cluster.resolve(SETTINGS), settings().getBytes(StandardCharsets.UTF_8));
        Path serverLog = directory.resolve("postgres.log");
        if (Files.exists(serverLog) && Files.size(serverLog) > LARGEST_OLD_LOG_BYTES) {
            Files.move(serverLog, directory.resolve("postgres.log.old"), StandardCopyOption.REPLACE_EXISTING);
        }
        try {
            programs.run(
                    "pg_ctl",
                    "start",
                    "--wait",
                    "--timeout=" + START_SECONDS,
                    "--silent",
                    "--pgdata=" + cluster,
                    "--log=" + serverLog);
        } catch (StartException e) {
            throw new StartException(e.getMessage() + "; see " + serverLog, e);
        }
    }

    /**
     * Durability is written out although it is the default: nobody should have to know. Errors are logged without data.
     */
    private String settings() {
        return """
                # Written by sluice at every start. Put your own settings into postgresql.conf after the include.
                listen_addresses = '127.0.0.1'
                port = %d
                unix_socket_directories = ''
                fsync = on
                synchronous_commit = on
                full_page_writes = on
                timezone = 'UTC'
                log_timezone = 'UTC'
                max_connections = 100
                shared_buffers = '256MB'
                max_wal_size = '2GB'
                checkpoint_timeout = '15min'
                log_error_verbosity = terse
                log_min_error_statement = panic
                """.formatted(port);
    }

    private void prepareDatabase() throws StartException {
        try (Connection connection = connect("postgres")) {
            for (String setting : MUST_BE_ON) {
                String value = setting(connection, setting);
                if (!value.equals("on")) {
                    throw new StartException("PostgreSQL in " + cluster + " has " + setting + " = " + value
                            + ", with which it loses messages in a crash; remove that from postgresql.conf");
                }
            }
            if (SQL.on(connection, "database")
                    .set("name", DATABASE)
                    .first(row -> true)
                    .isEmpty()) {
                SQL.on(connection, "create-database").execute();
            }
        } catch (SQLException e) {
            throw new StartException("PostgreSQL in " + cluster + " does not answer: " + e.getMessage(), e);
        }
    }

    private Connection connect(String database) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", USER);
        properties.setProperty("password", password);
        properties.setProperty("connectTimeout", "5");
        properties.setProperty("socketTimeout", "30");
        Connection connection = DriverManager.getConnection(url(database), properties);
        try {
            SessionSettings.begin(connection, Duration.ZERO);
            return connection;
        } catch (SQLException | RuntimeException | Error e) {
            try (connection) {
                throw e;
            }
        }
    }

    private static String setting(Connection connection, String name) throws SQLException {
        return SQL.on(connection, "setting")
                .set("name", name)
                .first(row -> row.getString(1))
                .orElseThrow();
    }

    private synchronized boolean restart() {
        if (closing) {
            return true;
        }
        log.warn("The embedded PostgreSQL is gone, restarting it; pushes stay in the local log cluster={}", cluster);
        try {
            launch();
            log.info("The embedded PostgreSQL runs again cluster={} port={}", cluster, port);
            return true;
        } catch (StartException | IOException e) {
            log.warn(
                    "The embedded PostgreSQL did not start, trying again cluster={} reason={}",
                    cluster,
                    e.getMessage());
            return false;
        }
    }

    /** Checks the process first: if it is gone, another program may have its port. */
    boolean isAnswering() {
        try {
            return RunningServer.of(cluster).isPresent() && LoopbackPort.accepts(port);
        } catch (IOException e) {
            return false;
        }
    }

    /** Stops the server within about {@value #STOP_SECONDS} s. PostgreSQL ends its sessions and writes its data. */
    @Override
    public void close() {
        closing = true;
        watch.close();
        synchronized (this) {
            try {
                programs.run(
                        "pg_ctl",
                        "stop",
                        "--wait",
                        "--mode=fast",
                        "--timeout=" + STOP_SECONDS,
                        "--silent",
                        "--pgdata=" + cluster);
            } catch (StartException | IOException e) {
                if (isAnswering()) {
                    log.warn(
                            "The embedded PostgreSQL does not stop, stop it yourself cluster={} reason={}",
                            cluster,
                            e.getMessage());
                }
            }
        }
    }
}
