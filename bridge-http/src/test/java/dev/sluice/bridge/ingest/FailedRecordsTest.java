package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FailedRecordsTest {
    @Test
    void aRetryPushesEveryFieldOfTheMessageWithItsTransactionIdAsGiven(@TempDir Path directory) throws Exception {
        NewMessage message = NewMessage.builder(UUID.randomUUID(), "q", "p", "t", "{}".getBytes(UTF_8))
                .generatedTransactionId(true)
                .headers(Messages.HEADERS)
                .traceId(UUID.randomUUID())
                .producerSub("alice")
                .deliverAt(Instant.parse("2030-01-02T03:04:05.678901Z"))
                .delay(Duration.ofSeconds(7))
                .origin(new Origin(Instant.parse("2001-02-03T04:05:06.789012Z"), PriorityLane.HIGH))
                .build();
        var pushed = new ArrayList<NewMessage>();
        try (FailedRecords failed = FailedRecords.open(directory)) {
            failed.add(new SinkRecord("lane", 0, null, null, null, message, 7), new IllegalArgumentException("refused"))
                    .get(10, TimeUnit.SECONDS);
            failed.retryAll(messages -> {
                pushed.addAll(messages);
                return CompletableFuture.completedFuture(List.of(PushResult.Buffered.BUFFERED));
            });
        }
        assertThat(pushed)
                .singleElement()
                .satisfies(retried -> assertThat(retried)
                        .usingRecursiveComparison()
                        .isEqualTo(message.toBuilder()
                                .generatedTransactionId(false)
                                .build()));
    }
}
