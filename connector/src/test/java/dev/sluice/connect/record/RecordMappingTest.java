package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.record.RecordMapping.Attribute;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordMappingTest {
    private static final int MAX_BYTES = 1000;
    private static final UUID ID = UUID.fromString("018f0000-0000-7000-8000-000000000001");

    private static RecordMapping mapping(String format, String partition, String transactionId) {
        return mapping(format, Map.of(Attribute.PARTITION, partition, Attribute.TRANSACTION_ID, transactionId), true);
    }

    private static RecordMapping mapping(String format, Map<Attribute, String> from, boolean readsHeaders) {
        var selectors = new EnumMap<Attribute, Selector>(Attribute.class);
        from.forEach((attribute, text) ->
                selectors.put(attribute, Selector.parse(attribute.toString(), text, new RecordFields(false))));
        return new RecordMapping(
                format, selectors, readsHeaders, new HeaderReader("all", HeaderLimits.DEFAULT, false), MAX_BYTES);
    }

    private static RecordMapping mapping(String partition) {
        return mapping("${topic}", partition, "topic-partition-offset");
    }

    private static SinkRecord record(@Nullable Object key, @Nullable Object value) {
        return new SinkRecord("orders", 3, null, key, null, value, 1042);
    }

    @Test
    void aMessageOfTheBridgeIsTakenAsItIs() {
        var message = NewMessage.builder(ID, "q", "p", "t", "1".getBytes(UTF_8))
                .generatedTransactionId(true)
                .build();
        assertThat(mapping("key").map(record(null, message))).isSameAs(message);
    }

    @Nested
    class WithoutHeaders {
        @Test
        void theQueueIsTheTopicInTheFormat() {
            var mapping = mapping("kafka.${topic}", "key", "key");
            assertThat(mapping.map(record("k", "1")).queue()).isEqualTo("kafka.orders");
        }

        @ParameterizedTest
        @CsvSource({
            "key, customer-7",
            "topic-partition, orders-3",
            "constant:all, all",
            "field:customer.id, 7",
            "field:customer.name, Ærø",
            "header:tenant, acme",
            "header:missing, orders-3",
            "field:missing, orders-3",
            "field:customer.missing, orders-3"
        })
        void thePartitionComesFromWhereItIsConfigured(String from, String expected) {
            SinkRecord record = record("customer-7", Map.of("customer", Map.of("id", 7, "name", "Ærø")));
            record.headers().addString("tenant", "acme");
            assertThat(mapping(from).map(record).partition()).isEqualTo(expected);
        }

        @Test
        void aRecordWithoutAKeyGoesToThePartitionNamedLikeItsOwn() {
            assertThat(mapping("key").map(record(null, "1")).partition()).isEqualTo("orders-3");
        }

        @Test
        void keysOfAnyTypeBecomeText() {
            assertThat(mapping("key").map(record(42, "1")).partition()).isEqualTo("42");
            assertThat(mapping("key").map(record(Map.of("id", 7), "1")).partition())
                    .isEqualTo("{\"id\":7}");
            assertThat(mapping("key").map(record("ключ".getBytes(UTF_8), "1")).partition())
                    .isEqualTo("ключ");
            assertThat(mapping("key").map(record(new byte[] {-1, -2}, "1")).partition())
                    .isEqualTo("//4=");
        }

        @Test
        void fieldsOfAStructAreFoundToo() {
            Schema customer =
                    SchemaBuilder.struct().field("id", Schema.INT64_SCHEMA).build();
            Schema schema = SchemaBuilder.struct().field("customer", customer).build();
            var value = new Struct(schema).put("customer", new Struct(customer).put("id", 99L));
            var record = new SinkRecord("orders", 3, null, null, schema, value, 1042);
            assertThat(mapping("field:customer.id").map(record).partition()).isEqualTo("99");
        }

        @Test
        void theTransactionIdIsThePlaceInKafkaWhichComesOnceAndNeedNotBeRemembered() {
            NewMessage message = mapping("key").map(record("k", "1"));
            assertThat(message.transactionId()).isEqualTo("orders-3-1042");
            assertThat(message.generatedTransactionId()).isTrue();
        }

        @Test
        void aTransactionIdThatTheRecordBringsAlongIsRemembered() {
            var mapping = mapping("${topic}", "key", "field:orderId");
            assertThat(mapping.map(record("k", Map.of("orderId", "o-1"))).generatedTransactionId())
                    .isFalse();
            assertThat(mapping.map(record("k", Map.of("other", "o-1"))).generatedTransactionId())
                    .isTrue();
            assertThat(mapping("${topic}", "key", "key").map(record("k", "1")).generatedTransactionId())
                    .isFalse();
        }

        @Test
        void theTransactionIdCanComeFromAField() {
            var mapping = mapping("${topic}", "key", "field:orderId");
            assertThat(mapping.map(record("k", Map.of("orderId", "o-1"))).transactionId())
                    .isEqualTo("o-1");
            assertThat(mapping.map(record("k", Map.of("other", "o-1"))).transactionId())
                    .isEqualTo("orders-3-1042");
        }

        @Test
        void traceIdTimeAndLaneComeFromWhereTheyAreConfigured() {
            var mapping = mapping(
                    "${topic}",
                    Map.of(
                            Attribute.TRACE_ID,
                            "field:trace",
                            Attribute.CREATED_AT,
                            "header:at",
                            Attribute.LANE,
                            "field:urgency"),
                    true);
            SinkRecord record = record("k", Map.of("trace", ID.toString(), "urgency", "low"));
            record.headers().addTimestamp("at", java.util.Date.from(Instant.parse("2026-05-16T10:00:00.123Z")));
            NewMessage message = mapping.map(record);
            assertThat(message.traceId()).isEqualTo(ID);
            assertThat(message.origin())
                    .isEqualTo(new Origin(Instant.parse("2026-05-16T10:00:00.123Z"), PriorityLane.LOW));
            assertThat(mapping.map(record("k", Map.of())).origin()).isEqualTo(Origin.NONE);
        }

        @Test
        void theTimeCanBeThatInKafka() {
            var mapping = mapping("${topic}", Map.of(Attribute.CREATED_AT, "timestamp"), true);
            var record = new SinkRecord("t", 0, null, null, null, "1", 0, 1778925600123L, TimestampType.CREATE_TIME);
            assertThat(mapping.map(record).origin().createdAt()).isEqualTo(Instant.parse("2026-05-16T10:00:00.123Z"));
            assertThat(mapping.map(record("k", "1")).origin()).isEqualTo(Origin.NONE);
        }

        @ParameterizedTest
        @CsvSource({
            "TRACE_ID, trace id must be a UUID",
            "CREATED_AT, created time must be a time",
            "LANE, lane must be critical"
        })
        void andAreErrorsAboutTheRecordWhereTheyDoNotFit(Attribute attribute, String message) {
            var mapping = mapping("${topic}", Map.of(attribute, "field:it"), true);
            assertThatThrownBy(() -> mapping.map(record("k", Map.of("it", "none of these"))))
                    .isInstanceOf(DataException.class)
                    .hasMessageStartingWith(message);
        }

        @Test
        void everyMessageGetsAnIdThatSortsAfterTheOneBefore() {
            UUID last = new UUID(0, 0);
            for (int i = 0; i < 10_000; i++) {
                UUID id = mapping("key").map(record("k", "1")).id();
                assertThat(id.version()).isEqualTo(7);
                assertThat(id.toString()).isGreaterThan(last.toString());
                last = id;
            }
        }
    }

    @Nested
    class HeadersOfTheBridgeWin {
        private final SinkRecord record = record("key", "{\"n\":1}");

        @Test
        void overEverythingConfigured() {
            record.headers()
                    .addString("sluice.queue", "payments")
                    .addString("sluice.partition", "customer-1")
                    .addString("sluice.transaction-id", "t-1")
                    .addString("sluice.transaction-id-generated", "true")
                    .addString("sluice.id", ID.toString())
                    .addString("sluice.trace-id", "0af76519-16cd-43dd-8448-eb211c80319c")
                    .addString("sluice.producer-sub", "someone");
            assertThat(mapping("key").map(record))
                    .usingRecursiveComparison()
                    .isEqualTo(NewMessage.builder(ID, "payments", "customer-1", "t-1", "{\"n\":1}".getBytes(UTF_8))
                            .generatedTransactionId(true)
                            .traceId(UUID.fromString("0af76519-16cd-43dd-8448-eb211c80319c"))
                            .producerSub("someone")
                            .build());
        }

        @Test
        void andMayBeBytes() {
            record.headers().addBytes("sluice.queue", "payments".getBytes(UTF_8));
            assertThat(mapping("key").map(record).queue()).isEqualTo("payments");
        }

        @Test
        void andAnEmptyOneNamesTheQueueWithTheEmptyName() {
            record.headers().addBytes("sluice.queue", new byte[0]);
            assertThat(mapping("key").map(record).queue()).isEmpty();
        }

        @Test
        void andTheLastOfANameCounts() {
            record.headers().addString("sluice.queue", "first").addString("sluice.queue", "last");
            assertThat(mapping("key").map(record).queue()).isEqualTo("last");
        }

        @ParameterizedTest
        @ValueSource(strings = {"7", "018f0000-0000-7000-8000-00000000000g", ""})
        void butMustBeUuidsWhereUuidsBelong(String text) {
            record.headers().addString("sluice.id", text);
            assertThatThrownBy(() -> mapping("key").map(record))
                    .isInstanceOf(DataException.class)
                    .hasMessage("sluice.id must be a UUID, was " + text);
        }
    }

    @ParameterizedTest
    @CsvSource({"~normal@other, ~normal", "~@other/o-1, o-1", "~@/x, ~@/x"})
    void onlySluiceGivesWorksLimitKeysByTheNamesOfTheirPartitions(String named, String partition) {
        var mapping = mapping("work.${topic}", "key", "topic-partition-offset");
        assertThat(mapping.map(record(named, "1")).partition()).isEqualTo(partition);
        SinkRecord withHeader = record("k", "1");
        withHeader.headers().addString(RecordHeaders.PARTITION, named);
        assertThat(mapping.map(withHeader).partition()).isEqualTo(partition);
        withHeader.headers().addString(RecordHeaders.ID, ID.toString());
        assertThat(mapping.map(withHeader).partition())
                .as("as a bridge has written it")
                .isEqualTo(named);
        assertThat(mapping("key").map(record(named, "1")).partition())
                .as("in a queue without works")
                .isEqualTo(named);
    }

    @Test
    void headersDoNotCountWhereTheyAreNotToBeRead() {
        SinkRecord record = record("k", "1");
        record.headers()
                .addString("sluice.queue", "payments")
                .addString("sluice.partition", "p")
                .addString("sluice.id", "none")
                .addString("sluice.created-at", "2026-05-16T10:00:00Z");
        NewMessage message = mapping("copy-of-${topic}", Map.of(Attribute.PARTITION, "key"), false)
                .map(record);
        assertThat(message.queue()).isEqualTo("copy-of-orders");
        assertThat(message.partition()).isEqualTo("k");
        assertThat(message.origin()).isEqualTo(Origin.NONE);
    }

    @Test
    void aPayloadHasALongestLength() {
        String longest = '"' + "x".repeat(MAX_BYTES - 2) + '"';
        assertThat(mapping("key").map(record("k", longest)).payload()).hasSize(MAX_BYTES);
        assertThatThrownBy(() -> mapping("key").map(record("k", longest + ' ')))
                .isInstanceOf(DataException.class)
                .hasMessage("payload must have at most 1000 bytes (message.max.bytes), has 1001");
    }

    @Test
    void aNameTheQueueCannotHaveIsAnErrorAboutTheRecord() {
        assertThatThrownBy(() -> mapping("key").map(record("k".repeat(256), "1")))
                .isInstanceOf(DataException.class)
                .hasMessage("partition must have at most 255 characters, has 256");
        assertThatThrownBy(() -> mapping("key").map(record("", "1")))
                .isInstanceOf(DataException.class)
                .hasMessage("partition must not be empty");
    }

    @Test
    void aFieldOfAValueThatHasNoneIsAnErrorAboutTheRecord() {
        assertThatThrownBy(() -> mapping("field:a.b").map(record("k", Map.of("a", "text"))))
                .isInstanceOf(DataException.class)
                .hasMessage("value has no field a.b: it is a String and not a struct or a map");
    }

    @Test
    void aTombstoneIsTheMessageNull() {
        assertThat(mapping("key").map(record("k", null)).payload())
                .asString(UTF_8)
                .isEqualTo("null");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "keys", "field:", "header:", "constant:", "field", "topic-partition:1", "Key"})
    void aSelectorThatIsNoneIsRefusedWithTheChoices(String text) {
        assertThatThrownBy(() -> Selector.parse("partition.from", text, new RecordFields(false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("partition.from must be key, timestamp, topic-partition, ")
                .hasMessageEndingWith(", was " + text);
    }
}
