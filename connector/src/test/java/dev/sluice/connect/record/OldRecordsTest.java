package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.connect.record.RecordMapping.Attribute;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

/** The records of messages between this version and the version before headers, which knew only the names here. */
class OldRecordsTest {
    private static final UUID ID = UUID.fromString("018f0000-0000-7000-8000-000000000001");

    /** A record as a bridge of the version before headers writes it. */
    private static final Map<String, String> OLD = new LinkedHashMap<>();

    static {
        OLD.put("sluice.queue", "Ünï \"q\"");
        OLD.put("sluice.partition", " p\tä");
        OLD.put("sluice.transaction-id", "t/ä");
        OLD.put("sluice.id", ID.toString());
        OLD.put("sluice.trace-id", "018f0000-0000-7000-8000-000000000002");
        OLD.put("sluice.producer-sub", "bob ö");
        OLD.put("sluice.created-at", "2026-05-16T10:00:00.123456Z");
        OLD.put("sluice.lane", "high");
        OLD.put("sluice.deliver-at", "2099-01-01T00:00:00Z");
        OLD.put("sluice.delay-ms", "5");
    }

    private static NewMessage.Builder message() {
        return NewMessage.builder(ID, "Ünï \"q\"", " p\tä", "t/ä", "{ \"n\" : 1}".getBytes(UTF_8))
                .traceId(UUID.fromString("018f0000-0000-7000-8000-000000000002"))
                .producerSub("bob ö")
                .deliverAt(Instant.parse("2099-01-01T00:00:00Z"))
                .delay(Duration.ofMillis(5))
                .origin(new Origin(Instant.parse("2026-05-16T10:00:00.123456Z"), PriorityLane.HIGH));
    }

    @Test
    void ofTheOldVersionBecomeTheMessagesThatTheyWereWithoutHeaders() {
        var headers = new ConnectHeaders();
        OLD.forEach(headers::addString);
        var mapping = new RecordMapping(
                "${topic}",
                new EnumMap<Attribute, Selector>(Attribute.class),
                true,
                new HeaderReader("all", HeaderLimits.DEFAULT, false),
                1000);
        NewMessage read =
                mapping.map(new SinkRecord("topic", 0, null, "key", null, "{ \"n\" : 1}", 7, 0L, null, headers));
        assertThat(read).usingRecursiveComparison().isEqualTo(message().build());
        assertThat(read.headers().isEmpty()).isTrue();
    }

    @Test
    void withoutHeadersAreWrittenAsTheOldVersionReadsThem() {
        assertThat(RecordHeaders.of(message().build())).isEqualTo(OLD);
    }

    @Test
    void withHeadersHaveAllThatTheOldVersionReadsAndOnlyOtherNamesBeside() {
        NewMessage message =
                message().headers(MessageHeaders.of(Map.of("x", "ä", "y", "z"))).build();
        assertThat(RecordHeaders.of(message))
                .containsAllEntriesOf(OLD)
                .doesNotContainKey("sluice.transaction-id-generated");
    }
}
