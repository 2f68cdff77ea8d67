package dev.sluice.queue;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** A PostgreSQL server of its own for one test, which can be stopped and started again on the same port and data. */
public final class StoppablePostgres implements AutoCloseable {
    private final Path directory;
    private final int port;
    private EmbeddedPostgres server;
    private boolean isStopped;
    private int databases;

    private StoppablePostgres(Path directory, EmbeddedPostgres server) {
        this.directory = directory;
        this.server = server;
        this.port = server.getPort();
    }

    /** Starts a server on an empty directory. */
    public static StoppablePostgres start(Path directory) throws IOException {
        return new StoppablePostgres(directory, open(directory, 0));
    }

    private static EmbeddedPostgres open(Path directory, int port) throws IOException {
        return EmbeddedPostgres.builder()
                .setDataDirectory(directory)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setPGStartupWait(TestPostgres.START_TIMEOUT)
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("full_page_writes", "on")
                .setServerConfig("timezone", "UTC")
                .start();
    }

    /** Returns the JDBC URL; user {@code postgres}, no password. */
    public String url() {
        return url("postgres");
    }

    private String url(String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
    }

    /** Makes a database; returns what a bridge needs in its environment to use it. */
    public Map<String, String> newDatabase() throws SQLException {
        String name = "test" + ++databases;
        execute("create database " + name);
        return environment(url(name));
    }

    /** What a bridge needs in its environment to use this server. */
    public Map<String, String> environment() {
        return environment(url());
    }

    private static Map<String, String> environment(String url) {
        return Map.of("SLUICE_CONNECTION_URL", url, "SLUICE_CONNECTION_USER", "postgres");
    }

    /** Runs a statement. */
    public void execute(String sql) throws SQLException {
        try (Connection connection = server.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Runs a query; each row is its columns as text, joined by {@code |}. */
    public List<String> query(String sql) throws SQLException {
        try (Connection connection = server.getPostgresDatabase().getConnection();
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
        }
    }

    /** Ends it in order, and waits until it is gone, however long it writes. */
    public void stop() throws IOException, InterruptedException {
        ProcessHandle postmaster = postmaster();
        isStopped = true;
        server.close();
        while (postmaster.isAlive()) {
            Thread.sleep(5);
        }
    }

    private ProcessHandle postmaster() throws IOException {
        String number =
                Files.readAllLines(directory.resolve("postmaster.pid")).get(0).strip();
        return ProcessHandle.of(Long.parseLong(number)).orElseThrow();
    }

    /** Ends all its processes as {@code kill -9} does. */
    public void kill() throws IOException, InterruptedException {
        ProcessHandle first = postmaster();
        List<ProcessHandle> all =
                Stream.concat(Stream.of(first), first.descendants()).toList();
        all.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle each : all) {
            while (each.isAlive()) {
                Thread.sleep(5);
            }
        }
        try {
            server.close();
        } catch (IOException | RuntimeException e) {
            // It cannot be stopped, for it is dead; this only lets go of the directory.
        }
        isStopped = true;
    }

    /**
     * Has all its processes stand still, as on a machine that hangs: connections stay open, and nothing is answered.
     */
    public void freeze() throws IOException, InterruptedException {
        signal("-STOP");
    }

    /** Has them go on. */
    public void thaw() throws IOException, InterruptedException {
        signal("-CONT");
    }

    private void signal(String signal) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("kill", signal));
        ProcessHandle first = postmaster();
        Stream.concat(Stream.of(first), first.descendants()).forEach(each -> command.add(Long.toString(each.pid())));
        new ProcessBuilder(command).start().waitFor(); // A process that has ended meanwhile is none to signal.
    }

    /** Starts it again as a standby, which only reads. {@link #promote} makes it writable, and keeps its sessions. */
    public void restartAsStandby() throws IOException {
        Files.createFile(directory.resolve("standby.signal"));
        restart();
    }

    /** Makes a standby a server that takes writes, and waits until it does. */
    public void promote() throws SQLException {
        execute("select pg_promote()");
    }

    /** Starts it again where it was. */
    public void restart() throws IOException {
        server = open(directory, port);
        isStopped = false;
    }

    /**
     * Starts a standby on a copy of the data, while this server is stopped. It follows nobody: it only reads, and has
     * what this server had.
     */
    public StoppablePostgres standby(Path copy) throws IOException {
        Set<String> ofTheProcess = Set.of("postmaster.pid", "epg-lock");
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.toList()) {
                if (!ofTheProcess.contains(String.valueOf(file.getFileName()))) {
                    Files.copy(
                            file,
                            copy.resolve(directory.relativize(file).toString()),
                            StandardCopyOption.COPY_ATTRIBUTES,
                            StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
        Files.createFile(copy.resolve("standby.signal"));
        return start(copy);
    }

    /** Starts it again if a test left it stopped. */
    public void restartIfStopped() throws IOException {
        if (isStopped) {
            restart();
        }
    }

    @Override
    public void close() throws IOException, InterruptedException {
        if (!isStopped) {
            stop();
        }
    }
}
