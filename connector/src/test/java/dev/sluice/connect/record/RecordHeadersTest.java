package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TimeText;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordHeadersTest {
    private static final UUID ID = UUID.fromString("018f0000-0000-7000-8000-000000000001");
    private static final UUID TRACE_ID = UUID.fromString("0af76519-16cd-43dd-8448-eb211c80319c");

    private static final NewMessage FULL = NewMessage.builder(
                    ID, "payments", "Ærø/7", "t-1", "{ \"n\" : 1.0 }".getBytes(UTF_8))
            .headers(Messages.HEADERS)
            .traceId(TRACE_ID)
            .producerSub("someone")
            .deliverAt(Instant.parse("2030-01-01T00:00:00.5Z"))
            .delay(Duration.ofMillis(1500))
            .origin(new Origin(Instant.parse("2026-05-16T10:00:00.123456Z"), PriorityLane.HIGH))
            .build();

    private static final NewMessage SMALLEST = NewMessage.of(ID, "q", "p", "t", "1".getBytes(UTF_8));

    private static NewMessage read(SinkRecord record) {
        return new RecordMapping(
                        "${topic}",
                        new EnumMap<>(RecordMapping.Attribute.class),
                        true,
                        new HeaderReader("all", HeaderLimits.DEFAULT, false),
                        1000)
                .map(record);
    }

    private static SinkRecord record(NewMessage message) {
        var record = new SinkRecord(
                "topic", 0, Schema.STRING_SCHEMA, RecordHeaders.key(message), null, message.payload(), 0);
        RecordHeaders.connect(message).forEach(record.headers()::add);
        return record;
    }

    @Test
    void whatIsWrittenIsReadAsTheSameMessage() {
        assertThat(read(record(FULL))).usingRecursiveComparison().isEqualTo(FULL);
        assertThat(read(record(SMALLEST))).usingRecursiveComparison().isEqualTo(SMALLEST);
    }

    @Test
    void aProducerWritesTheSameAsText() {
        var connect = new SinkRecord("topic", 0, null, null, null, FULL.payload(), 0);
        RecordHeaders.kafka(FULL).forEach(header -> connect.headers().addBytes(header.key(), header.value()));
        assertThat(read(connect)).usingRecursiveComparison().isEqualTo(FULL);
    }

    @Test
    void theNamesAreThese() {
        var own = new LinkedHashMap<>(RecordHeaders.of(FULL));
        own.keySet().removeAll(Messages.HEADERS.asMap().keySet());
        assertThat(own)
                .containsExactly(
                        Map.entry("sluice.queue", "payments"),
                        Map.entry("sluice.partition", "Ærø/7"),
                        Map.entry("sluice.transaction-id", "t-1"),
                        Map.entry("sluice.id", ID.toString()),
                        Map.entry("sluice.trace-id", TRACE_ID.toString()),
                        Map.entry("sluice.producer-sub", "someone"),
                        Map.entry("sluice.created-at", "2026-05-16T10:00:00.123456Z"),
                        Map.entry("sluice.lane", "high"),
                        Map.entry("sluice.deliver-at", "2030-01-01T00:00:00.500Z"),
                        Map.entry("sluice.delay-ms", "1500"));
        assertThat(RecordHeaders.of(SMALLEST).keySet())
                .containsExactly("sluice.queue", "sluice.partition", "sluice.transaction-id", "sluice.id");
        assertThat(RecordHeaders.key(FULL)).isEqualTo("payments/Ærø/7");
    }

    @Test
    void headersOfTheMessageFollowUnderTheirOwnNames() {
        List<String> names = List.copyOf(RecordHeaders.of(FULL).keySet());
        assertThat(names).endsWith(Messages.HEADERS.asMap().keySet().toArray(new String[0]));
        assertThat(RecordHeaders.of(FULL)).containsAllEntriesOf(Messages.HEADERS.asMap());
    }

    @Test
    void headersOfEveryCharacterAreReadAsTheyWereWritten() {
        NewMessage read = read(record(FULL));
        assertThat(List.copyOf(read.headers().asMap().entrySet()))
                .isEqualTo(List.copyOf(Messages.HEADERS.asMap().entrySet()));
    }

    @Test
    void anEncryptedMessageKeepsItsHeadersThoughTheyAreLargerThanTheLimits() {
        var cipher = PayloadCipher.of("k:" + "ab".repeat(32), null);
        NewMessage sealed = cipher.seal(NewMessage.builder(ID, "q", "p", "t", "1".getBytes(UTF_8))
                .headers(Messages.headers("a", "x".repeat(HeaderLimits.DEFAULT.bytes() - 1)))
                .build());
        assertThat(sealed.headers().bytes()).isGreaterThan(HeaderLimits.DEFAULT.bytes());
        assertThat(read(record(sealed)).headers()).isEqualTo(sealed.headers());
    }

    @ParameterizedTest
    @CsvSource({
        "2026-05-16T10:00:00Z, 2026-05-16T10:00:00Z",
        "2026-05-16T12:00:00.000001+02:00, 2026-05-16T10:00:00.000001Z",
        "2026-05-16, 2026-05-16T00:00:00Z",
        "2026-05-16 10:00:00, 2026-05-16T10:00:00Z",
        "1778925600123, 2026-05-16T10:00:00.123Z",
        "-1, 1969-12-31T23:59:59.999Z"
    })
    void timesHaveTheFormsOfRequestsAndMayBeBefore1970(String text, Instant time) {
        assertThat(RecordHeaders.time("created time", text)).isEqualTo(time);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-", "yesterday", "99999999999999999999", "-999999999999999"})
    void otherTimesAreErrors(String text) {
        assertThatThrownBy(() -> RecordHeaders.time("created time", text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("created time must be " + TimeText.FORMS);
    }

    @Test
    void timesOfCreationHaveBothLimits() {
        assertThat(new Origin(Origin.LATEST.plusNanos(999), null).createdAt()).isEqualTo(Origin.LATEST);
        assertThat(new Origin(Origin.EARLIEST, null).createdAt()).isEqualTo(Origin.EARLIEST);
        assertThatThrownBy(() -> new Origin(Origin.LATEST.plusNanos(1000), null))
                .hasMessageStartingWith(
                        "createdAt must be between 1600-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z");
        assertThatThrownBy(() -> new Origin(Origin.EARLIEST.minusNanos(1), null))
                .hasMessageStartingWith("createdAt must be between");
    }

    @Test
    void lanesAreTheFour() {
        assertThat(RecordHeaders.lane("lane", "Critical")).isEqualTo(PriorityLane.CRITICAL);
        assertThatThrownBy(() -> RecordHeaders.lane("lane", "urgent"))
                .hasMessage("lane must be critical, high, normal or low, was urgent");
    }
}
