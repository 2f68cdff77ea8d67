package dev.sluice.bridge.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HousekeepingTest {
    @TempDir
    private Path directory;

    @Test
    void deletesWhatTheOptionsOfItsQueueLetGo() {
        try (var postgres = TestPostgres.empty();
                var bridge = RunningBridge.start(postgres.url(), directory, Map.of("retention.interval.ms", "200"))) {
            assertThat(bridge.push(
                                    "{\"items\":[{\"queue\":\"short\",\"payload\":1},{\"queue\":\"long\",\"payload\":2}]}")
                            .statusCode())
                    .isEqualTo(201);
            postgres.execute("update sluice.queues set retention_enabled = true, retention_s = 1 where name = 'short'");
            await().until(() ->
                    postgres.query("select queue from sluice.messages").equals(List.of("long")));
            assertThat(postgres.query(
                            "select count(*) from sluice.segments s join sluice.partitions p on p.id = s.partition_id"
                                    + " where s.first_seq < p.tail"))
                    .containsExactly("0");
        }
    }
}
