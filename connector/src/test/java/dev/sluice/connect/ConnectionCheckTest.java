package dev.sluice.connect;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.connect.connector.Connector;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A validation tries the connection if the configuration asks for it, and says which setting to change. */
@Timeout(60)
class ConnectionCheckTest {
    private static final String SECRET = "open sesame";

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private static Map<String, String> sink(String url, String... more) {
        var properties = new HashMap<String, String>();
        properties.put("name", "checked");
        properties.put("topics", "orders");
        properties.put("connection.url", url);
        properties.put("connection.user", "postgres");
        properties.put("connection.timeout.ms", "1000");
        properties.put("connection.validate", "true");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    private static Map<String, String> problems(Connector connector, Map<String, String> properties) {
        var problems = new LinkedHashMap<String, String>();
        connector.validate(properties).configValues().stream()
                .filter(value -> !value.errorMessages().isEmpty())
                .forEach(value -> problems.put(value.name(), String.join("; ", value.errorMessages())));
        assertThat(problems.toString()).doesNotContain(SECRET);
        return problems;
    }

    private static Map<String, String> problems(Map<String, String> sink) {
        Map<String, String> problems = problems(new QueueSinkConnector(), sink);
        var source = new HashMap<>(sink);
        source.remove("topics");
        source.put("queues", "orders");
        assertThat(problems(new QueueSourceConnector(), source).keySet()).isEqualTo(problems.keySet());
        return problems;
    }

    @Test
    void aDatabaseWithTheSchemaPasses() {
        assertThat(problems(sink(postgres.url()))).isEmpty();
    }

    @Test
    void nothingIsAskedUnlessTheConfigurationWantsIt() throws IOException {
        try (var server = new Answering("28P01", "wrong")) {
            assertThat(problems(sink(server.url(), "connection.validate", "false")))
                    .isEmpty();
            assertThat(server.connections).hasValue(0);
        }
    }

    @Test
    void nothingIsAskedWhileAnotherSettingIsWrong() throws IOException {
        try (var server = new Answering("28P01", "wrong")) {
            assertThat(problems(sink(server.url(), "batch.size", "0"))).containsOnlyKeys("batch.size");
            assertThat(problems(sink(server.url(), "patch.size", "1"))).containsOnlyKeys("patch.size");
            assertThat(server.connections).hasValue(0);
        }
    }

    @Test
    void aServerThatDoesNotListenIsAProblemOfTheUrl() throws IOException {
        int port;
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        String url = "jdbc:postgresql://127.0.0.1:" + port + "/queue";
        assertThat(problems(sink(url, "connection.password", SECRET)).get("connection.url"))
                .startsWith("cannot connect to " + url + ": ")
                .endsWith("(SQLSTATE 08001)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "?connectTimeout=0&loginTimeout=0&socketTimeout=0"})
    void aServerThatDoesNotAnswerIsAProblemOfTheUrlAfterABoundedTime(String parameters) throws IOException {
        try (var silent = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
            String url = "jdbc:postgresql://127.0.0.1:" + silent.getLocalPort() + "/queue" + parameters;
            long start = System.nanoTime();
            assertThat(problems(sink(url))).containsOnlyKeys("connection.url");
            assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(10));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "28P01, connection.password",
        "28000, connection.user",
        "3D000, connection.url",
        "53300, connection.url",
        "57P03, connection.url"
    })
    void whatTheServerRefusesStandsAtTheSettingToChange(String sqlState, String setting) throws IOException {
        try (var server = new Answering(sqlState, "refused, and the server repeats " + SECRET)) {
            Map<String, String> problems = problems(sink(server.url(), "connection.password", SECRET));
            assertThat(problems).containsOnlyKeys(setting);
            assertThat(problems.get(setting)).contains("the server repeats [hidden]", "(SQLSTATE " + sqlState + ")");
        }
    }

    @Test
    void aSecretOfTheUrlIsHiddenToo() throws IOException {
        try (var server = new Answering("28P01", "the server repeats s3/cret")) {
            assertThat(problems(sink(server.url() + "?password=s3%2Fcret")).get("connection.password"))
                    .contains("the server repeats [hidden]")
                    .doesNotContain("cret");
        }
    }

    @Test
    void aPasswordThatIsMissingStandsAtThePassword() throws IOException {
        try (var server = new Answering(null, "")) {
            assertThat(problems(sink(server.url()))).containsOnlyKeys("connection.password");
        }
    }

    @Test
    void aRoleAndADatabaseThatDoNotExistAreNamed() {
        Map<String, String> stranger = sink(postgres.url());
        stranger.put("connection.user", "nobody_here");
        assertThat(problems(stranger).get("connection.user")).contains("nobody_here");
        String url = postgres.url().replaceAll("/[^/]*$", "/no_such_database");
        assertThat(problems(sink(url)).get("connection.url")).contains("no_such_database");
    }

    @Test
    void aDatabaseWithoutTheSchemaIsAProblemUnlessTheTaskMakesIt() {
        try (TestPostgres empty = TestPostgres.empty()) {
            assertThat(problems(sink(empty.url())).get("queue.schema")).contains("schema.apply=true");
            assertThat(problems(sink(empty.url(), "schema.apply", "true"))).isEmpty();
            assertThat(empty.query("select count(*) from pg_namespace where nspname = 'sluice'"))
                    .containsExactly("0");
        }
    }

    /** A server that refuses every session with an error, or asks for a password. */
    private static final class Answering implements AutoCloseable {
        private static final int SSL_REQUEST = 80_877_103;
        private static final int GSS_REQUEST = 80_877_104;
        private static final int CLEARTEXT_PASSWORD = 3;

        final AtomicInteger connections = new AtomicInteger();
        private final ServerSocket socket = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
        private final Thread thread = new Thread(this::run, "answering-server");
        private final @Nullable String sqlState;
        private final String message;

        /** Answers with an error; if the state is null, asks for a password. */
        Answering(@Nullable String sqlState, String message) throws IOException {
            this.sqlState = sqlState;
            this.message = message;
            thread.start();
        }

        String url() {
            return "jdbc:postgresql://127.0.0.1:" + socket.getLocalPort() + "/queue";
        }

        private void run() {
            while (!socket.isClosed()) {
                try (Socket client = socket.accept()) {
                    connections.incrementAndGet();
                    answer(
                            new DataInputStream(client.getInputStream()),
                            new DataOutputStream(client.getOutputStream()));
                } catch (IOException e) {
                    // The test has closed the server, or the client is gone.
                }
            }
        }

        private void answer(DataInputStream in, DataOutputStream out) throws IOException {
            while (true) {
                byte[] request = in.readNBytes(in.readInt() - Integer.BYTES);
                int code = new DataInputStream(new ByteArrayInputStream(request)).readInt();
                if (code != SSL_REQUEST && code != GSS_REQUEST) {
                    break;
                }
                out.write('N');
                out.flush();
            }
            if (sqlState == null) {
                out.write('R');
                out.writeInt(2 * Integer.BYTES);
                out.writeInt(CLEARTEXT_PASSWORD);
            } else {
                var fields = new ByteArrayOutputStream();
                for (String field : new String[] {"SFATAL", "VFATAL", "C" + sqlState, "M" + message}) {
                    fields.writeBytes(field.getBytes(UTF_8));
                    fields.write(0);
                }
                fields.write(0);
                out.write('E');
                out.writeInt(Integer.BYTES + fields.size());
                fields.writeTo(out);
            }
            out.flush();
            in.read();
        }

        @Override
        public void close() throws IOException {
            socket.close();
            try {
                thread.join(TimeUnit.SECONDS.toMillis(10));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
