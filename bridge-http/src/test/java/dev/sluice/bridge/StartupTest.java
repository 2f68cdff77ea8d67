package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.luben.zstd.Zstd;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Starts processes as people and tools do. */
class StartupTest {
    private static final int SECONDS = 150;
    private static final byte[] PUSH = "{\"items\":[{\"queue\":\"q\",\"payload\":1}]}".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path directory;

    private final List<String> shell = new ArrayList<>();
    private final List<String> jvm = new ArrayList<>();
    private final Map<String, String> environment = new HashMap<>();

    private Process start(String... arguments) throws IOException {
        var command = new ArrayList<String>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1"));
        command.addAll(0, shell);
        command.addAll(jvm);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(name -> name.startsWith("SLUICE_") || name.startsWith("LC_"));
        builder.environment().putAll(environment);
        return builder.redirectErrorStream(true)
                .redirectOutput(directory.resolve("output").toFile())
                .start();
    }

    private String output() {
        try {
            return Files.readString(directory.resolve("output"));
        } catch (IOException e) {
            return "";
        }
    }

    /** Runs a process that does not start, and returns all its output. */
    private String refusal(String... arguments) throws Exception {
        Process process = start(arguments);
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output()).isBetween(1, 2);
        assertThat(output()).doesNotContain("\tat ").doesNotContain("Exception in thread");
        return output();
    }

    private interface Use {
        void of(String url) throws Exception;
    }

    /** Starts a service, uses it at the address that it prints, and stops it. */
    private void serving(Use use) throws Exception {
        Process process = start("up");
        try {
            await().atMost(Duration.ofSeconds(SECONDS))
                    .until(() -> !process.isAlive() || output().contains("Ctrl-C stops it."));
            assertThat(process.isAlive()).as(output()).isTrue();
            Matcher printed = Pattern.compile("serves on (http://\\S+),").matcher(output());
            assertThat(printed.find()).as(output()).isTrue();
            use.of(printed.group(1));
        } finally {
            process.destroy();
            assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static HttpResponse<String> push(String url, byte[] body, String encoding) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url + "/api/v1/push"))
                .header("Content-Type", "application/json")
                .header("Content-Encoding", encoding)
                .POST(BodyPublishers.ofByteArray(body));
        return HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
    }

    @BeforeEach
    void useAFreePort() {
        environment.put("SLUICE_HTTP_PORT", "0");
        environment.put("SLUICE_DATA_DIR", directory.resolve("data").toString());
    }

    @Nested
    class AService {
        private TestPostgres postgres;

        @BeforeEach
        void open() {
            postgres = TestPostgres.withSchema();
            environment.put("SLUICE_CONNECTION_URL", postgres.url());
            environment.put("SLUICE_CONNECTION_USER", "postgres");
        }

        @AfterEach
        void close() {
            postgres.close();
        }

        @Test
        void startsInAPodBesideServicesOfItsNameWithEmptyVariables() throws Exception {
            environment.putAll(Map.of(
                    "SLUICE_PORT", "tcp://10.96.0.7:6632",
                    "SLUICE_SERVICE_HOST", "10.96.0.7",
                    "SLUICE_PORT_6632_TCP_ADDR", "10.96.0.7",
                    "SLUICE_BRIDGE_SERVICE_PORT", "6632",
                    "SLUICE_BUFFER_DIR", "",
                    "SLUICE_AUTH_JWT_ENABLED", "",
                    "SLUICE_HTTP_MAX_ITEMS", ""));
            serving(url -> assertThat(push(url, PUSH, "identity").statusCode()).isEqualTo(201));
        }

        @Test
        void printsAnAddressOfIpv6ThatWorks() throws Exception {
            byte[] loopback = new byte[16];
            loopback[15] = 1;
            try (var socket = new ServerSocket()) {
                socket.bind(new InetSocketAddress(InetAddress.getByAddress(loopback), 0));
            } catch (IOException e) {
                assumeTrue(false, "there is no IPv6 here: " + e.getMessage());
            }
            environment.put("SLUICE_HTTP_HOST", "::1");
            serving(url -> {
                assertThat(url).startsWith("http://[::1]:");
                assertThat(push(url, PUSH, "identity").statusCode()).isEqualTo(201);
            });
        }

        @Test
        void unpacksZstdIntoTheDataDirectoryWhereJavasOwnDirectoryCannotBeUsed() throws Exception {
            jvm.add("-Djava.io.tmpdir=" + directory.resolve("missing"));
            Path left = directory.resolve("data/tmp/left/of/a/crash");
            Files.createDirectories(left);
            serving(url -> {
                assertThat(push(url, Zstd.compress(PUSH), "zstd").statusCode()).isEqualTo(201);
                assertThat(left).doesNotExist();
            });
        }

        @Test
        void refusesZstdTwiceAlikeWhereNoDirectoryCanBeUsed() throws Exception {
            jvm.add("-Djava.io.tmpdir=" + directory.resolve("missing"));
            Files.writeString(Files.createDirectories(directory.resolve("data")).resolve("tmp"), "a file");
            serving(url -> {
                HttpResponse<String> first = push(url, Zstd.compress(PUSH), "zstd");
                assertThat(first.statusCode()).as(first.body()).isEqualTo(415);
                assertThat(first.body())
                        .contains("Content-Encoding zstd cannot be used here: ")
                        .contains("(supported: gzip)");
                assertThat(first.headers().firstValue("Accept-Encoding")).hasValue("gzip");
                for (int i = 0; i < 2; i++) {
                    HttpResponse<String> again = push(url, Zstd.compress(PUSH), "zstd");
                    assertThat(again.statusCode()).isEqualTo(415);
                    assertThat(again.body()).isEqualTo(first.body());
                }
                assertThat(push(url, PUSH, "identity").statusCode()).isEqualTo(201);
                assertThat(push(url, PUSH, "br").statusCode()).isEqualTo(415);
            });
        }

        @Test
        void printsNoSecretInItsTrace() throws Exception {
            jvm.add("-Dlogback.configurationFile=logback.xml"); // Not the configuration of the tests.
            environment.put("SLUICE_LOG_LEVEL", "TRACE");
            environment.put("SLUICE_CONNECTION_URL", postgres.url() + "?password=s3cret%24&sslpassword=s3cret");
            environment.put("SLUICE_CONNECTION_PASSWORD", "s3cret$${x");
            environment.put("SLUICE_ENCRYPTION_KEYS", "k:" + "5ec7".repeat(16));
            environment.put("SLUICE_AUTH_JWT_SECRET", "s3cret-s3cret-s3cret-s3cret-s3cret");
            environment.put("SLUICE_AUTH_JWT_JWKS_URL", "http://u:s3cret@127.0.0.1:1/keys?token=s3cret");
            environment.put("SLUICE_AUTH_JWT_ALGORITHM", "auto");
            environment.put("SLUICE_AUTH_JWT_ENABLED", "true");
            serving(url -> {
                var request = HttpRequest.newBuilder(URI.create(url + "/api/v1/resources/queues"))
                        .header("Authorization", "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.AAAA")
                        .build();
                HttpResponse<String> answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
                assertThat(answer.body()).doesNotContain("s3cret");
            });
            assertThat(output())
                    .contains("connection.url = " + postgres.url() + "?password=[hidden]")
                    .contains("auth.jwt.jwks.url = http://[hidden]@127.0.0.1:1/keys?[hidden]")
                    .doesNotContain("s3cret")
                    .doesNotContain("5ec75ec7");
        }

        @Test
        void isToldWhichRightItsRoleLacksAndHowToGrantIt() throws Exception {
            String role = "app_" + UUID.randomUUID().toString().replace("-", "");
            postgres.execute("create role " + role + " login");
            environment.put("SLUICE_CONNECTION_USER", role);
            environment.put("SLUICE_QUEUE_SCHEMA", "other");
            try {
                assertThat(refusal("up").lines().filter(line -> line.startsWith("sluice:")))
                        .singleElement()
                        .asString()
                        .contains("the role " + role + " lacks the right create on database")
                        .endsWith("can run: create schema \"other\" authorization " + role + ";");
                postgres.execute("create schema other authorization " + role);
                serving(url ->
                        assertThat(push(url, PUSH, "identity").statusCode()).isEqualTo(201));
            } finally {
                postgres.execute("drop owned by " + role + " cascade; drop role " + role);
            }
        }
    }

    @Nested
    class AServiceWithItsOwnDatabase {
        @Test
        void keepsItsFilesFromOtherUsersWhateverTheUmask() throws Exception {
            shell.addAll(List.of("/bin/sh", "-c", "umask 000; exec \"$@\"", "sh"));
            Path data = directory.resolve("new/data");
            environment.put("SLUICE_DATA_DIR", data.toString());
            environment.put(
                    "SLUICE_BUFFER_DIR", directory.resolve("logs/buffer").toString());
            serving(url -> {
                assertThat(push(url, Zstd.compress(PUSH), "zstd").statusCode()).isEqualTo(201);
                assertOwnersAlone(directory.resolve("new"));
                assertOwnersAlone(directory.resolve("logs"));
            });
            Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwxrwxrwx"));
            serving(url -> assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(data)))
                    .isEqualTo("rwxrwxr-x"));
        }

        private void assertOwnersAlone(Path root) throws IOException {
            try (var files = Files.walk(root)) {
                for (Path file :
                        files.filter(each -> !Files.isSymbolicLink(each)).toList()) {
                    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                            .as(file.toString())
                            .endsWith("------");
                }
            }
        }

        @Test
        void keepsItsSettingsFromTheDatabase() throws Exception {
            environment.putAll(Map.of(
                    "SLUICE_AUTH_JWT_SECRET", "s3cret-s3cret-s3cret-s3cret-s3cret",
                    "SLUICE_ENCRYPTION_KEYS", "k:" + "5ec7".repeat(16),
                    "DB_PASSWORD", "s3cret",
                    "PGPASSWORD", "s3cret",
                    "PGOPTIONS", "-c fsync=off",
                    "TZ", "Asia/Tokyo"));
            serving(url -> {
                Path home = directory.resolve("data/postgres");
                String port = Files.readAllLines(home.resolve("cluster/postmaster.pid"))
                        .get(3);
                String password =
                        Files.readString(home.resolve("pgpass")).strip().replaceFirst(".*:", "");
                assertThat(environmentOfServer(port, password))
                        .contains("TZ=Asia/Tokyo")
                        .anyMatch(line -> line.startsWith("PATH="))
                        .noneMatch(line -> line.startsWith("SLUICE_") || line.startsWith("PGOPTIONS"))
                        .noneMatch(line -> line.contains("s3cret") || line.contains("5ec75ec7"));
            });
        }

        /** The server hides its environment from the system, so it shows it itself. */
        private List<String> environmentOfServer(String port, String password) throws SQLException {
            var lines = new ArrayList<String>();
            try (Connection connection = DriverManager.getConnection(
                            "jdbc:postgresql://127.0.0.1:" + port + "/sluice", "sluice", password);
                    Statement statement = connection.createStatement()) {
                statement.execute("create temporary table environment (line text)");
                statement.execute(
                        "copy environment from program 'env' (format csv, delimiter E'\\x01', quote E'\\x02')");
                try (ResultSet row = statement.executeQuery("select line from environment")) {
                    while (row.next()) {
                        lines.add(row.getString(1));
                    }
                }
            }
            return lines;
        }
    }

    @Nested
    class ABadPath {
        /** The service checks the paths before it begins anything that takes long. */
        @Test
        void isOneLineThatNamesTheKeyAndTheReason() throws Exception {
            Path file = Files.writeString(directory.resolve("file"), "");
            environment.put("SLUICE_DATA_DIR", file.toString());
            assertThat(refusal("up"))
                    .isEqualTo("sluice: data.dir " + file + " cannot be written to: " + file + " is not a directory\n");
            environment.put("SLUICE_DATA_DIR", directory.resolve("d:a \"t$a").toString());
            environment.put("SLUICE_BUFFER_DIR", file.toString());
            assertThat(refusal("up"))
                    .isEqualTo(
                            "sluice: buffer.dir " + file + " cannot be written to: " + file + " is not a directory\n");
            environment.put("SLUICE_BUFFER_DIR", file + "/below");
            assertThat(refusal("up"))
                    .isEqualTo("sluice: buffer.dir " + file + "/below cannot be written to: " + file
                            + "/below: Not a directory\n");
            assertThat(refusal("up", "--config", directory.toString()))
                    .isEqualTo("sluice: configuration file " + directory + " cannot be read: it is a directory\n");
        }

        @Test
        void ofCharactersThatTheLocaleCannotHoldNamesTheKeyAndTheLocale() throws Exception {
            environment.put("LC_ALL", "C");
            Path file = Files.writeString(directory.resolve("a.properties"), "data.dir=/tmp/dätä\n");
            environment.remove("SLUICE_DATA_DIR");
            String refusal = refusal("up", "--config", file.toString());
            assumeTrue(!refusal.isEmpty(), "Java has another encoding than ASCII in the locale C here");
            assertThat(refusal)
                    .matches(
                            "sluice: data\\.dir holds characters that no path can have in the locale LC_ALL=C \\(.*\\);"
                                    + " start with LC_ALL=C\\.UTF-8\n");
            environment.put("SLUICE_DATA_DIR", "/tmp/dätä");
            environment.put("SLUICE_CONNECTION_URL", "jdbc:postgresql://127.0.0.1:1/db");
            environment.put("SLUICE_CONNECTION_PASSWORD", "s3cret-ä");
            assertThat(refusal("up").lines())
                    .hasSize(2)
                    .allSatisfy(line -> assertThat(line)
                            .matches("sluice: (data\\.dir|connection\\.password):? .*locale LC_ALL=C .*C\\.UTF-8")
                            .doesNotContain("s3cret"));
            assertThat(refusal("up", "--config", "/tmp/dätä"))
                    .startsWith("sluice: the path of --config holds characters");
            assertThat(refusal("buffer", "requeue", "/tmp/dätä"))
                    .startsWith("sluice: requeue: the path holds characters");
        }
    }
}
