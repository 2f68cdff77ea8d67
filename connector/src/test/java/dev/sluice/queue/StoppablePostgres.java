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

/** A PostgreSQL server for one test. The test can stop it and start it again on the same port and data. */
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

    /** Creates a database. Returns the environment variables with which a bridge uses it. */
    public Map<String, String> newDatabase() throws SQLException {
        String name = "test" + ++databases;
        execute("create database " + name);
        return environment(url(name));
    }

    /** Returns the environment variables with which a bridge uses this server. */
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

    /** Stops the server with a checkpoint, and waits until it has ended. */
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

    /** Kills all processes of the server, as {@code kill -9} does. */
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
            // The server is dead already; this only releases the directory.
        }
        isStopped = true;
    }

    /** Suspends all processes of the server, as on a machine that hangs: connections stay open, without answers. */
    public void freeze() throws IOException, InterruptedException {
        signal("-STOP");
    }

    /** Resumes the processes. */
    public void thaw() throws IOException, InterruptedException {
        signal("-CONT");
    }

    private void signal(String signal) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("kill", signal));
        ProcessHandle first = postmaster();
        Stream.concat(Stream.of(first), first.descendants()).forEach(each -> command.add(Long.toString(each.pid())));
        new ProcessBuilder(command).start().waitFor(); // Fails if the process has ended meanwhile.
    }

    /** Starts the server again as a read-only standby. {@link #promote} makes it writable and keeps its sessions. */
    public void restartAsStandby() throws IOException {
        Files.createFile(directory.resolve("standby.signal"));
        restart();
    }

    /** Promotes a standby, and waits until it accepts writes. */
    public void promote() throws SQLException {
        execute("select pg_promote()");
    }

    /** Starts the server again on the same port and data. */
    public void restart() throws IOException {
        server = open(directory, port);
        isStopped = false;
    }

    /**
     * Starts a read-only standby on a copy of the data, while this server is stopped. The standby follows no primary.
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

    /** Starts the server again if a test left it stopped. */
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
