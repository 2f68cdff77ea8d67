package dev.sluice.bridge.drain;

import static dev.sluice.bridge.ingest.IngestFixture.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.FakeDatabase;
import dev.sluice.bridge.ingest.IngestFixture;
import dev.sluice.bridge.ingest.IngestFixture.Setup;
import dev.sluice.bridge.ingest.Lane;
import dev.sluice.buffer.Entry;
import dev.sluice.buffer.LogReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BatchReaderTest {
    /** Longer than the timeout of a test: a batch that waits this long fails it. */
    private static final Duration LONG = Duration.ofMinutes(10);

    @TempDir
    private Path directory;

    /** The clock stands still, so only the log ends a wait. */
    private final AnsweredPushes answered = new AnsweredPushes(() -> 0, LONG);

    private IngestFixture ingest;
    private Lane lane;
    private LogReader reader;
    private BatchReader batches;

    @BeforeEach
    void open() {
        ingest = new IngestFixture(Setup.at(directory), new FakeDatabase());
        lane = ingest.lanes.current().get(0);
        reader = lane.segments().reader(0);
        var config = new DrainConfig(Map.of(), 1000, 1 << 20, Duration.ZERO, Duration.ofMillis(20));
        batches = new BatchReader(lane, reader, answered, config);
    }

    @AfterEach
    void close() {
        reader.close();
        ingest.close();
    }

    private void push(Durability durability, String id) throws Exception {
        CompletableFuture<?> unused = ingest.push(durability, message(id));
        lane.segments().sync(lane.segments().nextOffset() - 1).get(10, TimeUnit.SECONDS);
    }

    @Test
    void aBatchWaitsUntilAsManyMessagesAreThereAsTheLastCommitAnswered() throws Exception {
        answered.committed(3, 0);
        push(Durability.STORED, "t-1");
        var batch = CompletableFuture.supplyAsync(this::read);
        push(Durability.STORED, "t-2");
        assertThat(batch).isNotDone();
        push(Durability.STORED, "t-3");
        assertThat(batch.get(10, TimeUnit.SECONDS)).hasSize(3);
    }

    @Test
    void aPushThatIsAloneIsReadAtOnce() throws Exception {
        for (String id : List.of("t-1", "t-2", "t-3")) {
            push(Durability.STORED, id);
            assertThat(read()).hasSize(1);
            answered.committed(1, 0);
        }
    }

    @Test
    void aBatchForWhichNoPushWaitsIsReadAtOnce() throws Exception {
        answered.committed(64, 0);
        push(Durability.BUFFERED, "t-1");
        assertThat(read()).hasSize(1);
    }

    @Test
    void aStoppingDrainWaitsForNothing() throws Exception {
        answered.committed(64, 0);
        push(Durability.STORED, "t-1");
        assertThat(batches.read(false)).hasSize(1);
    }

    @Test
    void anEmptyLogIsReadAtOnce() {
        answered.committed(64, 0);
        assertThat(read()).isEmpty();
    }

    private List<Entry> read() {
        try {
            return batches.read(true);
        } catch (Exception e) {
            throw new AssertionError("could not read", e);
        }
    }
}
