package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Copies into another database, over HTTP. */
class MigrationRoutesTest {
    private static final String START = "/api/v1/migration/start";
    private static final String VALIDATE = "/api/v1/migration/validate";
    private static final String RESET = "/api/v1/migration/reset";
    private static final String PASSWORD = "pa55-w0rd";
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** The log about copies, at every level. */
    private static final Logger LOG = (Logger) LoggerFactory.getLogger("dev.sluice.bridge.api.manage.MigrationJob");

    private static TestPostgres postgres;
    private static RunningBridge bridge;
    private static ListAppender<ILoggingEvent> logged;

    private TestPostgres target;

    @BeforeAll
    static void start(@TempDir Path directory) {
        logged = new ListAppender<>();
        logged.start();
        LOG.addAppender(logged);
        LOG.setLevel(Level.TRACE);
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(postgres.url(), directory, Map.of("migration.enabled", "true"));
        for (int i = 0; i < 5; i++) {
            assertThat(bridge.push("{\"items\":[{\"queue\":\"q" + i + "\",\"payload\":" + i + "}]}")
                            .body())
                    .contains("\"queued\"");
        }
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
        LOG.detachAppender(logged);
        LOG.setLevel(null);
    }

    @BeforeEach
    void open() {
        target = TestPostgres.empty();
        assertThat(bridge.post(RESET, "").statusCode()).isEqualTo(200);
    }

    @AfterEach
    void close() {
        target.close();
    }

    private static String body(TestPostgres to, String more) {
        URI address = URI.create(to.url().substring("jdbc:".length()));
        return ("{'host':'" + address.getHost() + "','port':'" + address.getPort() + "','database':'"
                        + address.getPath().substring(1) + "','user':'postgres','password':'" + PASSWORD + "'" + more
                        + "}")
                .replace('\'', '"');
    }

    private static JsonNode answer(HttpResponse<String> response, int status) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        assertThat(response.body()).doesNotContain(PASSWORD);
        return RunningBridge.json(response.body());
    }

    private static JsonNode status() {
        return answer(bridge.get("/api/v1/migration/status"), 200);
    }

    private static JsonNode awaitEnd() throws InterruptedException {
        Instant deadline = Instant.now().plus(PATIENCE);
        JsonNode status = status();
        while (List.of("dumping", "restoring").contains(status.get("status").textValue())) {
            assertThat(Instant.now()).as(status.toString()).isBefore(deadline);
            Thread.sleep(20);
            status = status();
        }
        return status;
    }

    @Test
    void tellsWhetherAServerAnswers() {
        String path = "/api/v1/migration/test-connection";
        JsonNode there = answer(bridge.post(path, body(target, "")), 200);
        assertThat(JsonShape.of(there)).isEqualTo("{message: text, success: bool, version: text}");
        assertThat(there.get("success").booleanValue()).isTrue();
        JsonNode absent = answer(bridge.post(path, body(target, "").replace("\"test", "\"absent")), 200);
        assertThat(JsonShape.of(absent)).isEqualTo("{error: text, message: text, success: bool}");
        assertThat(absent.get("success").booleanValue()).isFalse();
        assertThat(absent.get("error").textValue()).contains("does not exist");
    }

    @Test
    void copiesAndTellsHowFarItIs() throws Exception {
        assertThat(JsonShape.of(status()))
                .isEqualTo("{bytes: int, currentStep: text, elapsedSeconds: int, rows: int, status: text}");
        assertThat(status().get("status").textValue()).isEqualTo("idle");
        JsonNode started = answer(bridge.post(START, body(target, "")), 202);
        assertThat(JsonShape.of(started)).isEqualTo("{message: text, status: text}");
        assertThat(started.get("status").textValue()).isEqualTo("started");
        JsonNode done = awaitEnd();
        assertThat(done.get("status").textValue()).as(done.toString()).isEqualTo("complete");
        assertThat(done.get("rows").longValue()).isGreaterThan(15);
        assertThat(done.get("bytes").longValue()).isPositive();
        assertThat(target.query("select payload from sluice.messages order by queue"))
                .containsExactly("0", "1", "2", "3", "4");
        JsonNode reset = answer(bridge.post(RESET, ""), 200);
        assertThat(JsonShape.of(reset)).isEqualTo("{message: text, status: text}");
        assertThat(status().get("status").textValue()).isEqualTo("idle");
        assertThat(List.copyOf(logged.list).stream().map(ILoggingEvent::getFormattedMessage))
                .anyMatch(line -> line.startsWith("Copying into another database completed "))
                .noneMatch(line -> line.contains(PASSWORD));
    }

    @Test
    void comparesByCounting() throws Exception {
        answer(bridge.post(VALIDATE, body(target, "")), 502);
        answer(bridge.post(START, body(target, ",'excludeTableData':['minute_counters','minute_samples']")), 202);
        awaitEnd();
        JsonNode counts = answer(bridge.post(VALIDATE, body(target, "")), 200);
        assertThat(JsonShape.of(counts))
                .isEqualTo("{allMatch: bool, success: bool, tables: [{match: bool, sourceCount: int, table: text,"
                        + " targetCount: int}]}");
        assertThat(counts.get("tables").get(0).toString())
                .isEqualTo("{\"table\":\"queues\",\"sourceCount\":5,\"targetCount\":5,\"match\":true}");
        target.execute("delete from sluice.segments where partition_id = 1");
        assertThat(answer(bridge.post(VALIDATE, body(target, "")), 200)
                        .get("allMatch")
                        .booleanValue())
                .isFalse();
    }

    @Test
    void doesNotTouchWhatItIsNotToldTo() throws Exception {
        target.execute(
                "create schema sluice; create table sluice.mine (text text); insert into sluice.mine values ('a')");
        JsonNode refused = answer(bridge.post(START, body(target, "")), 409);
        assertThat(JsonShape.of(refused)).isEqualTo("{error: text, success: bool}");
        assertThat(refused.get("error").textValue()).contains("name it in replaceSchema");
        answer(bridge.post(START, body(target, ",'replaceSchema':'other'")), 409);
        assertThat(target.query("select text from sluice.mine")).containsExactly("a");
        assertThat(status().get("status").textValue()).isEqualTo("idle");
        JsonNode itself = answer(bridge.post(START, body(postgres, ",'replaceSchema':'sluice'")), 409);
        assertThat(itself.get("error").textValue()).contains("the schema that this service uses");
        answer(bridge.post(START, body(target, ",'replaceSchema':'sluice'")), 202);
        assertThat(awaitEnd().get("status").textValue()).isEqualTo("complete");
        answer(bridge.post(START, body(target, ",'schema':'copy two'")), 202);
        assertThat(awaitEnd().get("status").textValue()).isEqualTo("complete");
        assertThat(target.query("select count(*) from \"copy two\".queues")).containsExactly("5");
    }

    @Test
    void runsOneAtATime() throws Exception {
        try (Connection holder = target.dataSource().getConnection()) {
            holdMigrations(holder);
            answer(bridge.post(START, body(target, "")), 202);
            assertThat(status().get("status").textValue()).isEqualTo("restoring");
            answer(bridge.post(START, body(target, "")), 409);
            answer(bridge.post(RESET, ""), 409);
            answer(bridge.post(VALIDATE, body(target, "")), 409);
        }
        assertThat(awaitEnd().get("status").textValue()).isEqualTo("complete");
    }

    /** Takes the lock under which tables are created, until the connection is closed. */
    private static void holdMigrations(Connection holder) throws SQLException {
        holder.setAutoCommit(false);
        try (Statement statement = holder.createStatement()) {
            statement.execute("select pg_advisory_xact_lock(hashtextextended('sluice schema sluice', 0))");
        }
    }

    @Test
    void tellsWhyItFailed() throws Exception {
        try (Connection holder = target.dataSource().getConnection()) {
            holdMigrations(holder);
            answer(bridge.post(START, body(target, "")), 202);
            target.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                    + " where application_name = 'sluice-migration' and datname = current_database()");
        }
        JsonNode failed = awaitEnd();
        assertThat(failed.get("status").textValue()).isEqualTo("error");
        assertThat(failed.get("error").textValue()).isNotEmpty();
        assertThat(target.query("select count(*) from pg_namespace where nspname = 'sluice'"))
                .containsExactly("0");
        assertThat(bridge.get("/health").statusCode()).isEqualTo(200);
    }

    @Test
    void areRefusedForTheirForm() {
        for (String path : List.of(START, VALIDATE, "/api/v1/migration/test-connection")) {
            answer(bridge.post(path, ""), 400);
            for (String field : List.of("host", "database", "user")) {
                String without = body(target, "").replace("\"" + field + "\"", "\"x\"");
                assertThat(answer(bridge.post(path, without), 400).get("error").textValue())
                        .isEqualTo(field + " is required");
            }
            for (String port : List.of("\"0\"", "65536", "\"x\"", "1.5", "\"-1\"")) {
                String bad = body(target, "").replaceAll("\"port\":\"[0-9]*\"", "\"port\":" + port);
                assertThat(answer(bridge.post(path, bad), 400).get("error").textValue())
                        .isEqualTo("port must be 1 to 65535");
            }
        }
        for (String excluded : List.of("'traces'", "['queues']", "[7]", "{}")) {
            assertThat(answer(bridge.post(START, body(target, ",'excludeTableData':" + excluded)), 400)
                            .get("error")
                            .textValue())
                    .startsWith("excludeTableData must be an array of some of [dead_letters");
        }
        answer(bridge.post(START, body(target, "").replace("\"test", "\"absent")), 502);
        assertThat(status().get("status").textValue()).isEqualTo("idle");
    }

    @Test
    void areRefusedUnlessTheSettingsAllowThem(@TempDir Path directory) {
        try (var plain = RunningBridge.start(postgres.url(), directory)) {
            for (String route : List.of("start", "test-connection", "validate", "reset")) {
                assertThat(answer(plain.post("/api/v1/migration/" + route, body(target, "")), 403)
                                .get("error")
                                .textValue())
                        .contains("migration.enabled=true");
            }
            assertThat(answer(plain.get("/api/v1/migration/status"), 403)
                            .get("error")
                            .textValue())
                    .contains("migration.enabled=true");
        }
        assertThat(target.query("select count(*) from pg_namespace where nspname = 'sluice'"))
                .containsExactly("0");
    }

    @Test
    void takeAHostThatIsOneMachineAndNothingElse() {
        String test = "/api/v1/migration/test-connection";
        String good = body(target, "");
        for (String host : List.of(
                "127.0.0.1/other?user=x",
                "127.0.0.1?sslfactory=x",
                "127.0.0.1#",
                "a,127.0.0.1",
                "127.0.0.1:1",
                "a b",
                "a\\n",
                "@a",
                "a%2F",
                "[127.0.0.1]",
                "[::1]:1/x",
                "::1]",
                "-a",
                "/tmp/socket")) {
            String bad =
                    good.replaceFirst("\"host\":\"[^\"]*\"", Matcher.quoteReplacement("\"host\":\"" + host + "\""));
            assertThat(answer(bridge.post(test, bad), 400).get("error").textValue())
                    .as(host)
                    .isEqualTo("host must be the name or the address of one machine");
        }
        for (String host : List.of("127.0.0.1", "localhost", "[::1]", "::1", "db-1.example.com.", "db_1")) {
            String fair = good.replaceFirst("\"host\":\"[^\"]*\"", "\"host\":\"" + host + "\"")
                    .replaceFirst("\"port\":\"[0-9]*\"", "\"port\":\"1\"");
            assertThat(answer(bridge.post(test, fair), 200).get("success").booleanValue())
                    .as(host)
                    .isFalse();
        }
    }

    @Test
    void takeDatabaseAndUserByTheirNamesWhateverCharactersTheyHave() throws SQLException {
        String odd = "a?user=eve&sslmode=disable#/ ü%2F\"'";
        try (Connection connection = target.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("create database \"" + odd.replace("\"", "\"\"") + "\"");
            statement.execute("create role \"" + odd.replace("\"", "\"\"") + "\" superuser login");
            try {
                URI address = URI.create(target.url().substring("jdbc:".length()));
                var request = JsonNodeFactory.instance
                        .objectNode()
                        .put("host", address.getHost())
                        .put("port", address.getPort())
                        .put("database", odd)
                        .put("user", odd)
                        .put("password", PASSWORD);
                JsonNode answer = answer(bridge.post("/api/v1/migration/test-connection", request.toString()), 200);
                assertThat(answer.get("success").booleanValue())
                        .as(answer.toString())
                        .isTrue();
            } finally {
                statement.execute("drop database \"" + odd.replace("\"", "\"\"") + "\" with (force)");
                statement.execute("drop role \"" + odd.replace("\"", "\"\"") + "\"");
            }
        }
    }
}
