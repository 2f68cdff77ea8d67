package dev.sluice.bridge.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.Messages;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.index.IdIndexWriter;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IdIndexingTest {
    @TempDir
    private Path directory;

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private void push(int first, int last) {
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            writer.write(Messages.run(first, last), List.of());
        }
    }

    private void awaitIndexedUpTo(long seq) {
        await().until(() -> postgres.query("select max(last_seq) from sluice.transaction_id_hashes")
                .equals(List.of(String.valueOf(seq))));
    }

    @Test
    void theServiceIndexesWhatItFindsAtItsStart() {
        push(1, 40_000);
        try (var bridge = RunningBridge.start(postgres.url(), directory)) {
            awaitIndexedUpTo(2 * 16_384 - 1);
            String partition = postgres.query("select to_char(id, 'FM000000000000') from sluice.partitions")
                    .get(0);
            String message = "/api/v1/messages/534c5543-4500-8000-8000-" + partition + "/t7";
            assertThat(bridge.get(message).body()).contains("\"t7\"");
            assertThat(bridge.delete(message).statusCode()).isEqualTo(200);
            assertThat(bridge.get(message).statusCode()).isEqualTo(404);
        }
    }

    @Test
    void theJobIndexesWhatComesLater() {
        push(1, 40_000);
        try (var indexing = new IdIndexing(new IdIndexWriter(postgres.dataSource(), "sluice"), Duration.ofMillis(20))) {
            indexing.start();
            awaitIndexedUpTo(2 * 16_384 - 1);
            push(40_001, 70_000);
            awaitIndexedUpTo(4 * 16_384 - 1);
        }
    }

    @Test
    void whileItCatchesUpTheJobTakesATenthOfAConnectionsTime() {
        assertThat(IdIndexing.restMillis(IdIndexing.BLOCKS, 100_000_000, 10_000))
                .isEqualTo(900);
        assertThat(IdIndexing.restMillis(IdIndexing.BLOCKS, 5_000_000_000L, 10_000))
                .isEqualTo(45_000);
        assertThat(IdIndexing.restMillis(IdIndexing.BLOCKS - 1, 100_000_000, 10_000))
                .isEqualTo(10_000);
    }
}
