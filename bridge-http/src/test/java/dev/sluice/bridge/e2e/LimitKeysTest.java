package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pushes over HTTP to a type of work whose works have limit keys. */
class LimitKeysTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();

    private List<String> partitions() {
        return postgres.query("select p.name from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                + " where q.name = 'work.mail' order by p.name collate \"C\"");
    }

    private static void push(RunningBridge bridge, String partition, String payload) {
        String item = "{\"queue\":\"work.mail\"," + partition + "\"payload\":" + payload + "}";
        assertThat(bridge.push("{\"items\":[" + item + "]}").statusCode()).isEqualTo(201);
    }

    @Test
    void haveTheLimitKeysInTheNamesOfTheirPartitionsWithinASecond(@TempDir Path directory) {
        postgres.execute("insert into sluice.queues (name) values ('work.mail'), ('other')");
        try (RunningBridge bridge = RunningBridge.start(postgres.url(), directory)) {
            push(bridge, "", "{\"tenant\":\"before\"}");
            await().untilAsserted(() -> assertThat(partitions()).containsExactly("Default"));
            postgres.execute("insert into sluice.work_types (queue, limit_key) values ('work.mail', '/tenant')");
            await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
                push(bridge, "", "{\"tenant\":\"acme\"}");
                assertThat(partitions()).contains("~normal@acme");
            });
            push(bridge, "\"partition\":\"order-1\",", "{\"tenant\":7}");
            String transaction = "{\"operations\":[{\"type\":\"push\",\"items\":[{\"queue\":\"work.mail\",\"payload\":"
                    + "{\"tenant\":\"transaction\"}}]}]}";
            assertThat(bridge.post("/api/v1/transaction", transaction).statusCode())
                    .isEqualTo(200);
            await().untilAsserted(() -> assertThat(partitions())
                    .containsExactly("Default", "~@7/order-1", "~normal@acme", "~normal@transaction"));
        }
    }
}
