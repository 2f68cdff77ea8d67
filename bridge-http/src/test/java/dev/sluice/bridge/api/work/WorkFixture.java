package dev.sluice.bridge.api.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.WorkBuffer;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** A bridge that enqueues works, and engines of other programs on its database that handle them. */
abstract class WorkFixture {
    static final Duration PATIENCE = Duration.ofSeconds(60);
    static final String PATH = "/api/v1/work";

    static TestPostgres postgres;
    static RunningBridge bridge;

    @BeforeAll
    static void startBridge(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    static void stopBridge() {
        bridge.close();
        postgres.close();
    }

    /** Starts an engine of another program. */
    static WorkBuffer engine(String type, Handler handler, HandlerSettings settings) {
        return WorkBuffer.builder(postgres.dataSource())
                .closeTimeout(Duration.ofMillis(100))
                .claimAhead(Duration.ZERO)
                .pollInterval(Duration.ofMillis(100))
                .handler(type, handler, settings)
                .start();
    }

    static JsonNode answer(HttpResponse<String> response, int status) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        return RunningBridge.json(response.body());
    }

    /** Enqueues a work; returns its id. */
    static String enqueue(String body) {
        return answer(bridge.post(PATH, body), 201).get("id").textValue();
    }

    static JsonNode work(String id) {
        return answer(bridge.get(PATH + "/" + id), 200);
    }

    static String state(String id) {
        return work(id).get("state").textValue();
    }

    static void untilState(String id, String state) {
        until(() -> state(id).equals(state));
    }

    static void until(Callable<Boolean> condition) {
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(10)).until(condition);
    }
}
