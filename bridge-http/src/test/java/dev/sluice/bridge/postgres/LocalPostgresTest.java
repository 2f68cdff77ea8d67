package dev.sluice.bridge.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.system.StartException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalPostgresTest {
    /** A server that was created and stopped. Unpacking and creating it takes the longest, so it is copied. */
    @TempDir
    private static Path made;

    @TempDir
    Path directory;

    private final List<String> progress = new ArrayList<>();

    private LocalPostgres start() throws StartException {
        return LocalPostgres.start(directory.resolve("postgres"), 0, progress::add);
    }

    @BeforeAll
    static void make() throws StartException {
        LocalPostgres.start(made.resolve("postgres"), 0, line -> {}).close();
    }

    /** Puts a copy of that server where {@link #start} finds it. */
    private void copyOfOneThatWasStopped() throws Exception {
        Process copy = new ProcessBuilder("cp", "-Rp", made.resolve("postgres").toString(), directory.toString())
                .inheritIO()
                .start();
        assertThat(copy.waitFor()).isZero();
    }

    private static Connection connect(LocalPostgres postgres, String password) throws SQLException {
        Database.Address address = postgres.address();
        return DriverManager.getConnection(address.url(), address.user(), password);
    }

    private static String query(LocalPostgres postgres, String sql) throws SQLException {
        try (Connection connection = connect(postgres, postgres.address().password());
                Statement statement = connection.createStatement()) {
            if (!statement.execute(sql)) {
                return "";
            }
            try (ResultSet row = statement.getResultSet()) {
                row.next();
                return row.getString(1);
            }
        }
    }

    private long pid() throws Exception {
        return Long.parseLong(Files.readAllLines(directory.resolve("postgres/cluster/postmaster.pid"))
                .get(0));
    }

    @Test
    void keepsItsDataDurablyAcrossRestartsAndKills() throws Exception {
        String url;
        try (var postgres = start()) {
            url = postgres.address().url();
            assertThat(progress).hasSize(2);
            for (String setting : List.of("fsync", "synchronous_commit", "full_page_writes")) {
                assertThat(query(postgres, "show " + setting)).as(setting).isEqualTo("on");
            }
            // A session of pgjdbc has the time zone of the JVM; this is the server's.
            assertThat(query(postgres, "select setting from pg_file_settings where name = 'timezone' and applied"))
                    .isEqualTo("UTC");
            assertThat(query(postgres, "show server_encoding")).isEqualTo("UTF8");
            assertThat(query(postgres, "show listen_addresses")).isEqualTo("127.0.0.1");
            query(postgres, "create table t as select 'ü' as a");
            assertThatThrownBy(() -> connect(postgres, "wrong")).hasMessageContaining("password");
        }
        progress.clear();
        try (var postgres = start()) {
            assertThat(progress).as("nothing to unpack or create").isEmpty();
            assertThat(postgres.address().url()).as("same port").isEqualTo(url);
            assertThat(query(postgres, "select a from t")).isEqualTo("ü");

            long killed = pid();
            assertThat(ProcessHandle.of(killed).orElseThrow().destroyForcibly()).isTrue();
            await().ignoreExceptions()
                    .until(() -> pid() != killed
                            && query(postgres, "select a from t").equals("ü"));
        }
    }

    @Test
    void isTakenOverFromAServiceThatWasKilled() throws Exception {
        copyOfOneThatWasStopped();
        LocalPostgres left = start(); // Left running, as by a killed service.
        long pid = pid();
        progress.clear();
        try (var postgres = start()) {
            assertThat(pid()).isEqualTo(pid);
            assertThat(postgres.address().url()).isEqualTo(left.address().url());
            assertThat(progress).containsExactly("Taking over the PostgreSQL that still runs (process " + pid + ")");
        } finally {
            left.close();
        }
    }

    @Test
    void isRefusedWhenItWouldLoseMessages() throws Exception {
        copyOfOneThatWasStopped();
        Path settings = directory.resolve("postgres/cluster/postgresql.conf");
        Files.writeString(settings, Files.readString(settings) + "fsync = off\n");
        assertThatThrownBy(this::start)
                .isInstanceOf(StartException.class)
                .hasMessageContaining("fsync = off")
                .hasMessageContaining("postgresql.conf");
        assertThat(directory.resolve("postgres/cluster/postmaster.pid")).doesNotExist();
    }

    /** Kubernetes does so to a volume with {@code fsGroup}. */
    @Test
    void startsOnAVolumeThatWasMadeWritableForAGroup() throws Exception {
        copyOfOneThatWasStopped();
        Path home = directory.resolve("postgres");
        for (String file : List.of("", "cluster", "pgpass")) {
            new ProcessBuilder(
                            "chmod",
                            file.equals("pgpass") ? "0660" : "2770",
                            home.resolve(file).toString())
                    .start()
                    .waitFor();
        }
        try (LocalPostgres postgres = start()) {
            assertThat(postgres.isAnswering()).isTrue();
            assertThat(Files.getPosixFilePermissions(home.resolve("cluster")))
                    .isEqualTo(PosixFilePermissions.fromString("rwx------"));
            assertThat(Files.getPosixFilePermissions(home.resolve("pgpass")))
                    .isEqualTo(PosixFilePermissions.fromString("rw-------"));
            assertThat(Files.getPosixFilePermissions(home)).isEqualTo(PosixFilePermissions.fromString("rwxr-x---"));
        }
    }

    @Test
    void isRefusedOnAPortThatIsTakenWithTheKeyAndTheReason() throws Exception {
        copyOfOneThatWasStopped();
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() ->
                            LocalPostgres.start(directory.resolve("postgres"), taken.getLocalPort(), progress::add))
                    .isInstanceOf(StartException.class)
                    .hasMessageStartingWith("postgres.port " + taken.getLocalPort() + " on 127.0.0.1 cannot be used: ")
                    .hasMessageEndingWith("; set another postgres.port, or 0 for a free one");
        }
    }

    @Test
    void isRefusedWhenTheDataIsOfAnotherVersion() throws Exception {
        copyOfOneThatWasStopped();
        Files.writeString(directory.resolve("postgres/cluster/PG_VERSION"), "9\n");
        assertThatThrownBy(this::start).isInstanceOf(StartException.class).hasMessageContaining("is of PostgreSQL 9");
    }

    @Test
    void startsDespiteTheFileOfAServerWhoseNumberAnotherProgramHas() throws Exception {
        copyOfOneThatWasStopped();
        Process other = new ProcessBuilder("sleep", "120").start();
        try {
            Files.writeString(
                    directory.resolve("postgres/cluster/postmaster.pid"),
                    other.pid() + "\n" + directory.resolve("postgres/cluster") + "\n1\n1\n\n127.0.0.1\n");
            try (var postgres = start()) {
                assertThat(query(postgres, "select 1")).isEqualTo("1");
            }
            assertThat(other.isAlive()).isTrue();
        } finally {
            other.destroyForcibly();
        }
    }

    @Test
    void isMissedEvenWhenAnotherProgramTakesItsPort() throws Exception {
        copyOfOneThatWasStopped();
        try (var postgres = start()) {
            int port = Integer.parseInt(postgres.address().url().replaceAll(".*:(\\d+)/.*", "$1"));
            ServerSocket other = null;
            try {
                long deadline = System.nanoTime() + Duration.ofSeconds(120).toNanos();
                while (other == null && System.nanoTime() < deadline) {
                    if (postgres.isAnswering()) { // Again if the server restarts before its port is taken.
                        ProcessHandle.of(pid()).ifPresent(ProcessHandle::destroyForcibly);
                    }
                    try {
                        other = new ServerSocket(port, 50, InetAddress.getLoopbackAddress());
                    } catch (IOException e) {
                        Thread.sleep(5); // The server still has the port.
                    }
                }
                assertThat(other).isNotNull();
                await().until(() -> !postgres.isAnswering());
            } finally {
                if (other != null) {
                    other.close();
                }
            }
            await().ignoreExceptions().until(() -> query(postgres, "select 1").equals("1"));
        }
    }

    @Test
    void startsDespiteTheFileOfAServerThatIsGone() throws Exception {
        copyOfOneThatWasStopped();
        Files.writeString(
                directory.resolve("postgres/cluster/postmaster.pid"),
                ProcessHandle.current().pid() + "\n" + directory.resolve("postgres/cluster") + "\n1\n1\n\n127.0.0.1\n");
        // The file names this process, which is no PostgreSQL.
        try (var postgres = start()) {
            assertThat(query(postgres, "select 1")).isEqualTo("1");
        }
    }
}
