package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The service counts requests and messages, and keeps the counts over a restart. */
class CountersTest {
    private static final String TRANSACTION = "/api/v1/transaction";

    @TempDir
    private Path directory;

    private static JsonNode operations(RunningBridge bridge) {
        JsonNode answer = RunningBridge.json(
                bridge.get("/api/v1/analytics/queue-ops?queue=counted").body());
        ObjectNode total = JsonNodeFactory.instance.objectNode();
        for (JsonNode point : answer.get("series")) {
            for (String field : List.of(
                    "pushRequests",
                    "pushMessages",
                    "popMessages",
                    "ackRequests",
                    "ackSuccess",
                    "ackFailed",
                    "transactions",
                    "partitionsDeleted")) {
                total.put(
                        field, total.path(field).longValue() + point.get(field).longValue());
            }
        }
        return total;
    }

    @Test
    void countPushesPopsAcksAndTransactionsWhateverWayTheyComeAndSurviveARestart() {
        String expected = "{\"pushRequests\":3,\"pushMessages\":6,\"popMessages\":2,\"ackRequests\":2,\"ackSuccess\":2,"
                + "\"ackFailed\":0,\"transactions\":1,\"partitionsDeleted\":1}";
        try (var postgres = TestPostgres.withSchema()) {
            try (var bridge = RunningBridge.start(postgres.url(), directory)) {
                String item = "{\"queue\":\"counted\",\"partition\":\"p\"}";
                bridge.push("{\"items\":[" + item + "," + item + "]}");
                bridge.post("/api/v1/push-legacy", "{\"items\":[" + item + "," + item + "," + item + "]}");
                JsonNode popped = bridge.pop("counted");
                JsonNode message = popped.at("/messages/0");
                String acknowledge = "{\"type\":\"ack\",\"transactionId\":" + message.get("transactionId")
                        + ",\"partitionId\":" + message.get("partitionId") + "}";
                String push = "{\"type\":\"push\",\"items\":[{\"queue\":\"counted\",\"partition\":\"gone\"}]}";
                JsonNode done = RunningBridge.json(
                        bridge.post(TRANSACTION, "{\"operations\":[" + push + "," + acknowledge + "]}")
                                .body());
                assertThat(done.get("success").booleanValue())
                        .as(done.toString())
                        .isTrue();
                JsonNode undone = RunningBridge.json(bridge.post(
                                TRANSACTION,
                                "{\"operations\":[" + push + ","
                                        + acknowledge.replace(
                                                message.get("transactionId").toString(), "\"none\"")
                                        + "]}")
                        .body());
                assertThat(undone.get("success").booleanValue()).isFalse();
                bridge.acknowledge(bridge.pop("counted/partition/p"));
                bridge.delete("/api/v1/resources/queues/counted/partitions/gone");
                bridge.delete("/api/v1/resources/queues/counted/partitions/never");
                assertThat(bridge.get("/metrics/prometheus").body())
                        .contains("sluice_transactions_total{queue=\"counted\"} 1.0\n")
                        .contains("sluice_push_messages_total{queue=\"counted\"} 6.0\n");
                await().atMost(Duration.ofSeconds(60))
                        .untilAsserted(
                                () -> assertThat(operations(bridge).toString()).isEqualTo(expected));
            }
            try (var again = RunningBridge.start(postgres.url(), directory)) {
                assertThat(operations(again).toString()).isEqualTo(expected);
            }
        }
    }
}
