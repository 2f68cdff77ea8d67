package dev.sluice.bridge.drain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The short form of {@link DrainBenchmark}. */
class DrainUnderLoadTest {
    private static final int MESSAGES = 2_000;

    @TempDir
    private Path directory;

    @Test
    void oneBadQueueAndManyNewOnesHoldNoOther() throws Exception {
        try (TestPostgres postgres = TestPostgres.empty();
                var drain = new DrainBenchmark(postgres, directory)) {
            drain.during("before", drain.stored(MESSAGES));
            drain.making("queues", drain.pushesOfQueues(3_000));
            drain.making("partitions", drain.pushesOfPartitions(5_000));
            drain.during("after", drain.stored(MESSAGES));
            drain.poison();
            try (var held = drain.hold()) {
                drain.poison();
                drain.during("held", drain.stored(MESSAGES));
                drain.poison();
                drain.during("held", drain.stored(MESSAGES));
                assertThat(postgres.query("select count(*) > 0 from sluice.parked"))
                        .containsExactly("t");
            }
            drain.awaitReleased();
            drain.during("let go", drain.stored(MESSAGES));
            assertThat(postgres.query("select count(*) from sluice.parked")).containsExactly("0");
        }
    }
}
