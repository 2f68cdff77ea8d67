package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.bridge.system.Shell;
import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.buffer.AtomicFile;
import dev.sluice.queue.sql.SessionSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL server of the service's own, kept in a directory: for a first try, a test, and a single machine.
 *
 * <pre>
 * server-&lt;checksum&gt;/   the programs
 * cluster/             the data, as initdb makes it; sluice.conf in it is ours, rewritten at every start
 * pgpass               the password, for psql: PGPASSFILE=…
 * postgres.log         what the server says
 * </pre>
 *
 * <p>The server listens on 127.0.0.1 only, asks for a password, keeps UTF-8 and UTC, and is durable: {@code fsync},
 * {@code synchronous_commit} and {@code full_page_writes} are on, or the service does not start. It outlives a killed
 * service; the next one takes it over. While it should run, it is looked at every second and started again when it is
 * gone.
 *
 * <p>PostgreSQL refuses to run as root. Started by root on Linux, it runs in a user namespace without privileges
 * ({@code unshare --user}).
 */
public final class LocalPostgres implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LocalPostgres.class);

    private static final String HOST = "127.0.0.1";
    private static final InetAddress ADDRESS = loopback();
    private static final String USER = "sluice";
    private static final String DATABASE = "sluice";
    private static final int START_SECONDS = 60;
    private static final int STOP_SECONDS = 10;
    private static final int PROGRAM_SECONDS = 120;
    private static final int CONNECT_MILLIS = 1000;
    private static final long WATCH_MILLIS = 1000;
    private static final int MISSES_BEFORE_RESTART = 2;
    private static final int FAILED_STARTS_TO_REPORT = 3;
    private static final long LARGEST_OLD_LOG_BYTES = 10 << 20;
    private static final int PASSWORD_BYTES = 24;
    private static final Pattern PORT_SETTING = Pattern.compile("(?m)^port = (\\d+)$");

    /** Lines of postmaster.pid, counted from 0 (PostgreSQL source, miscadmin.h). */
    private static final int PID_LINE = 0;

    private static final int PORT_LINE = 3;

    private static final List<String> MUST_BE_ON = List.of("fsync", "synchronous_commit", "full_page_writes");

    private final Path directory;
    private final Path cluster;
    private final Path passwordFile;
    private final Consumer<String> progress;
    private final Path programs;
    private final String password;
    private int port;
    private @Nullable Thread watch;
    private volatile boolean closing;

    private LocalPostgres(Path directory, Path programs, String password, Consumer<String> progress) {
        this.directory = directory;
        this.cluster = directory.resolve("cluster");
        this.passwordFile = directory.resolve("pgpass");
        this.programs = programs;
        this.password = password;
        this.progress = progress;
    }

    /**
     * Starts a server on the data in {@code directory}, or takes over the one that runs on it already. Makes the data
     * on the first call. Returns when the server answers.
     *
     * @param port port on 127.0.0.1, or 0 for a free one
     * @param progress told, line by line, what takes long
     * @throws StartException if there is no server to be had; says why
     */
    public static LocalPostgres start(Path directory, int port, Consumer<String> progress) throws StartException {
        try {
            Path home = Files.createDirectories(directory).toRealPath();
            OwnFiles.tryToWriteAlone(home);
            Path programs = PostgresBinaries.unpack(home, () -> progress.accept("Unpacking PostgreSQL into " + home));
            var postgres = new LocalPostgres(home, programs, password(home), progress);
            postgres.start(port);
            return postgres;
        } catch (IOException e) {
            throw new StartException("PostgreSQL in " + directory + " cannot be started: " + FileProblem.of(e), e);
        }
    }

    /** Returns the JDBC address. */
    public String url() {
        return "jdbc:postgresql://" + HOST + ":" + port + "/" + DATABASE;
    }

    /** Returns the user, a superuser. */
    public String user() {
        return USER;
    }

    /** Returns the password. */
    public String password() {
        return password;
    }

    /** Returns a shell command that opens psql on the database. */
    public String psqlCommand() {
        return "PGPASSFILE=" + Shell.quoted(passwordFile.toString()) + " psql -h " + HOST + " -p " + port + " -U "
                + USER + " " + DATABASE;
    }

    private static String password(Path directory) throws IOException {
        Path file = directory.resolve("pgpass");
        if (!Files.exists(file)) {
            byte[] random = new byte[PASSWORD_BYTES];
            new SecureRandom().nextBytes(random);
            String line = HOST + ":*:*:" + USER + ":" + HexFormat.of().formatHex(random) + "\n";
            AtomicFile.replace(file, line.getBytes(StandardCharsets.US_ASCII));
        }
        OwnFiles.tryToTighten(file, "rw-------", "rw-------");
        String line = Files.readString(file).strip();
        return line.substring(line.lastIndexOf(':') + 1);
    }

    private void start(int wantedPort) throws StartException, IOException {
        if (!Files.isDirectory(cluster)) {
            initialise();
        }
        tightenCluster();
        refuseOtherVersion();
        if (!adopt()) {
            port = choosePort(wantedPort);
            launch();
        }
        try {
            prepareDatabase();
        } catch (StartException e) {
            close();
            throw e;
        }
        Thread watcher = Threads.daemon("sluice-postgres", this::watch);
        watcher.start();
        watch = watcher;
    }

    private void initialise() throws StartException, IOException {
        progress.accept("Creating a database in " + cluster);
        Path unfinished = directory.resolve("cluster.tmp");
        PostgresBinaries.delete(unfinished);
        Path passwordOnly = directory.resolve("initdb.password");
        Files.deleteIfExists(passwordOnly);
        Files.createFile(
                passwordOnly, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(passwordOnly, password);
        try {
            run(
                    "initdb",
                    "--pgdata=" + unfinished,
                    "--username=" + USER,
                    "--auth=scram-sha-256",
                    "--pwfile=" + passwordOnly,
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--no-instructions");
        } finally {
            Files.delete(passwordOnly);
        }
        Path settings = unfinished.resolve("postgresql.conf");
        Files.writeString(settings, Files.readString(settings) + "\ninclude_if_exists = 'sluice.conf'\n");
        Files.move(unfinished, cluster, StandardCopyOption.ATOMIC_MOVE);
    }

    private void refuseOtherVersion() throws StartException, IOException {
        String data = Files.readString(cluster.resolve("PG_VERSION")).strip();
        String reported = output("postgres", "--version"); // postgres (PostgreSQL) 18.4
        Matcher version = Pattern.compile("\\) (\\d+)").matcher(reported);
        String program = version.find() ? version.group(1) : reported.strip();
        if (!program.equals(data)) {
            throw new StartException("the data in " + cluster + " is of PostgreSQL " + data + ", this program brings "
                    + program + "; move the data with pg_upgrade or pg_dump, or set another data.dir");
        }
    }

    /** Takes over a server left by a killed service. */
    private boolean adopt() throws StartException, IOException {
        Path pidFile = cluster.resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return false;
        }
        List<String> lines = Files.readAllLines(pidFile);
        long pid = lines.isEmpty() ? -1 : parseNumber(lines.get(PID_LINE));
        if (lines.size() <= PORT_LINE || !isAlive(pid) || !isServer(pid)) {
            return false;
        }
        port = (int) parseNumber(lines.get(PORT_LINE));
        String lastError = "no answer";
        long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (System.nanoTime() - deadlineNanos < 0) {
            try (Connection connection = connect("postgres")) {
                Path served = Path.of(show(connection, "data_directory"));
                if (!Files.isSameFile(served, cluster)) {
                    throw new StartException("process " + pid + " serves " + served + " on port " + port + " although "
                            + pidFile + " says " + cluster + "; stop it, or remove the file");
                }
                progress.accept("Taking over the PostgreSQL that still runs (process " + pid + ")");
                return true;
            } catch (SQLException e) {
                lastError = String.valueOf(e.getMessage()); // It may be starting, recovering or stopping.
            }
            if (!isAlive(pid)) {
                return false;
            }
            pause(WATCH_MILLIS / 5);
        }
        throw new StartException("process " + pid + " holds " + cluster + " but does not answer on port " + port + " ("
                + lastError + "); stop it first");
    }

    private static boolean isAlive(long pid) {
        return pid > 0 && ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    /**
     * Returns whether a process can be the server of this data: a PostgreSQL that was started on it, or stands in it as
     * servers do. True if the system does not tell.
     */
    private boolean isServer(long pid) {
        Optional<ProcessHandle.Info> process = ProcessHandle.of(pid).map(ProcessHandle::info);
        if (process.isEmpty()) {
            return false;
        }
        Optional<String> command = process.get().command();
        if (command.isPresent() && !command.get().endsWith("/postgres")) {
            return false;
        }
        String line = process.get().commandLine().orElse("");
        return line.contains(cluster.toString()) || standsIn(pid);
    }

    /** Linux tells where a process stands, except of one that has ended; elsewhere true. */
    private boolean standsIn(long pid) {
        Path processes = Path.of("/proc");
        try {
            return !Files.isDirectory(processes) || Files.isSameFile(processes.resolve(pid + "/cwd"), cluster);
        } catch (IOException e) {
            return false;
        }
    }

    private static long parseNumber(String line) {
        try {
            return Long.parseLong(line.strip());
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    /** Takes the port of the last time when it is free, so that addresses written down stay true. */
    private int choosePort(int wanted) throws StartException, IOException {
        if (wanted != 0) {
            try {
                bind(wanted);
            } catch (IOException e) {
                throw new StartException(
                        "postgres.port " + wanted + " on " + HOST + " cannot be used: " + e.getMessage()
                                + "; set another postgres.port, or 0 for a free one",
                        e);
            }
            return wanted;
        }
        Path settings = cluster.resolve("sluice.conf");
        if (Files.exists(settings)) {
            Matcher last = PORT_SETTING.matcher(Files.readString(settings));
            if (last.find() && isFree(Integer.parseInt(last.group(1)))) {
                return Integer.parseInt(last.group(1));
            }
        }
        try (var socket = new ServerSocket(0, 1, ADDRESS)) {
            return socket.getLocalPort();
        }
    }

    private static boolean isFree(int port) {
        try {
            bind(port);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Binds a port and releases it. */
    private static void bind(int port) throws IOException {
        try (var socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(ADDRESS, port), 1);
        }
    }

    /**
     * The number of a server that is gone may belong to another program now. PostgreSQL does not look closer and would
     * refuse to start. Nobody else starts one here: the data directory is locked.
     */
    private void removeForeignPidFile() throws IOException {
        Path pidFile = cluster.resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return;
        }
        List<String> lines = Files.readAllLines(pidFile);
        long pid = lines.isEmpty() ? -1 : parseNumber(lines.get(PID_LINE));
        if (isAlive(pid) && !isServer(pid)) {
            log.warn("Process {} is not a PostgreSQL on {}, removing {}", pid, cluster, pidFile);
            Files.delete(pidFile);
        }
    }

    private void tightenCluster() throws StartException {
        OwnFiles.tighten(cluster, "rwxr-x---", "rwx------", "PostgreSQL uses no directory that others may write to");
    }

    private void launch() throws StartException, IOException {
        removeForeignPidFile();
        tightenCluster();
        Files.writeString(cluster.resolve("sluice.conf"), settings());
        Path serverLog = directory.resolve("postgres.log");
        if (Files.exists(serverLog) && Files.size(serverLog) > LARGEST_OLD_LOG_BYTES) {
            Files.move(serverLog, directory.resolve("postgres.log.old"), StandardCopyOption.REPLACE_EXISTING);
        }
        try {
            run(
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
     * Durability is spelled out although it is the default: nobody should have to know. Errors are logged without data.
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
        try (Connection connection = connect("postgres");
                Statement statement = connection.createStatement()) {
            for (String setting : MUST_BE_ON) {
                String value = show(connection, setting);
                if (!value.equals("on")) {
                    throw new StartException("PostgreSQL in " + cluster + " has " + setting + " = " + value
                            + ", with which it loses messages in a crash; remove that from postgresql.conf");
                }
            }
            try (ResultSet found =
                    statement.executeQuery("select 1 from pg_database where datname = '" + DATABASE + "'")) {
                if (found.next()) {
                    return;
                }
            }
            statement.execute("create database " + DATABASE);
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
        Connection connection =
                DriverManager.getConnection("jdbc:postgresql://" + HOST + ":" + port + "/" + database, properties);
        try {
            SessionSettings.begin(connection, Duration.ZERO);
            return connection;
        } catch (SQLException | RuntimeException | Error e) {
            try (connection) {
                throw e;
            }
        }
    }

    private static String show(Connection connection, String setting) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show " + setting)) {
            row.next();
            return row.getString(1);
        }
    }

    /** On its own thread until closed. */
    private void watch() {
        int misses = 0;
        int failedStarts = 0;
        while (!closing) {
            pause(WATCH_MILLIS);
            if (closing || isAnswering()) {
                misses = 0;
                failedStarts = 0;
                continue;
            }
            misses++;
            if (misses >= MISSES_BEFORE_RESTART) {
                misses = 0;
                failedStarts = restart() ? 0 : failedStarts + 1;
                if (failedStarts == FAILED_STARTS_TO_REPORT) {
                    log.error("PostgreSQL in {} does not start, see postgres.log beside it", cluster);
                }
            }
        }
    }

    private synchronized boolean restart() {
        if (closing) {
            return true;
        }
        log.warn("PostgreSQL in {} is gone, starting it again; pushes are kept in the local log", cluster);
        try {
            launch();
            log.info("PostgreSQL in {} runs again on port {}", cluster, port);
            return true;
        } catch (StartException | IOException e) {
            log.warn("PostgreSQL in {} did not start, trying again: {}", cluster, e.getMessage());
            return false;
        }
    }

    /** Looks for the process first: if it is gone, another program may have its port. */
    boolean isAnswering() {
        if (!isRunning()) {
            return false;
        }
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress(ADDRESS, port), CONNECT_MILLIS);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private boolean isRunning() {
        try {
            List<String> lines = Files.readAllLines(cluster.resolve("postmaster.pid"));
            long pid = lines.isEmpty() ? -1 : parseNumber(lines.get(PID_LINE));
            return isAlive(pid) && isServer(pid);
        } catch (IOException e) {
            return false;
        }
    }

    private void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            closing = true;
        }
    }

    private void run(String program, String... arguments) throws StartException, IOException {
        output(program, arguments);
    }

    /** Runs a program of PostgreSQL to its end and returns what it wrote. */
    private String output(String program, String... arguments) throws StartException, IOException {
        var command = new ArrayList<String>();
        if (isRoot()) {
            command.addAll(List.of("unshare", "--user"));
        }
        command.add(programs.resolve("bin").resolve(program).toString());
        command.addAll(List.of(arguments));
        // To a file: a server started by pg_ctl keeps a pipe open for ever.
        Path said = Files.createTempFile(directory, program, ".out");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(said.toFile())
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .start();
            if (!process.waitFor(PROGRAM_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new StartException(program + " did not end within " + PROGRAM_SECONDS + " s");
            }
            String text = Files.readString(said);
            if (process.exitValue() != 0) {
                String hint = isRoot() && text.contains("unshare")
                        ? "; PostgreSQL does not run as root, run ./sluice as another user or set connection.url"
                        : "";
                throw new StartException(program + " failed: " + text.strip().replaceAll("\\s*\\R\\s*", " ") + hint);
            }
            return text;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StartException(program + " was interrupted");
        } finally {
            Files.deleteIfExists(said);
        }
    }

    /** 127.0.0.1 whatever the system prefers. */
    private static InetAddress loopback() {
        try {
            return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
        } catch (UnknownHostException e) {
            throw new AssertionError("four bytes are an address", e);
        }
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    /** Stops the server: sessions are ended, data is written, at most about {@value #STOP_SECONDS} s. */
    @Override
    public void close() {
        closing = true;
        Thread watcher = watch;
        if (watcher != null) {
            watcher.interrupt();
        }
        synchronized (this) {
            try {
                run(
                        "pg_ctl",
                        "stop",
                        "--wait",
                        "--mode=fast",
                        "--timeout=" + STOP_SECONDS,
                        "--silent",
                        "--pgdata=" + cluster);
            } catch (StartException | IOException e) {
                if (isAnswering()) {
                    log.warn("PostgreSQL in {} does not stop: {}", cluster, e.getMessage());
                }
            }
        }
    }
}
