package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.plugin.SettingGroup;
import dev.sluice.connect.record.WatchedSelector.Missing;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PriorityLane;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WatchedSelectorTest {
    private static final SinkRecord WITHOUT =
            new SinkRecord("orders", 3, null, null, null, Map.of("customer", Map.of("name", "Ada")), 1042);

    private static RecordMapping mapping(String... more) {
        var properties = new HashMap<String, String>();
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        var definition = new ConfigDef();
        MappingSettings.define(new SettingGroup(definition, "Mapping"));
        return new MappingSettings(new AbstractConfig(definition, properties)).mapping();
    }

    private static long missing(RecordMapping mapping, String setting) {
        return mapping.missingCounters().get(setting).getAsLong();
    }

    @ParameterizedTest
    @ValueSource(strings = {"partition.from", "transaction.id.from", "trace.id.from", "created.from", "lane.from"})
    void aRecordWithoutTheFieldIsCountedAndRefusedWhereItMustHaveIt(String setting) {
        RecordMapping lenient = mapping(setting, "field:customer.id", setting + ".missing", "default");
        lenient.map(WITHOUT);
        lenient.map(WITHOUT);
        assertThat(missing(lenient, setting)).isEqualTo(2);

        RecordMapping strict = mapping(setting, "field:customer.id", setting + ".missing", "fail");
        assertThatThrownBy(() -> strict.map(WITHOUT))
                .isInstanceOf(DataException.class)
                .hasMessage(setting + "=field:customer.id finds nothing in the record (" + setting + ".missing=fail)");
        assertThat(missing(strict, setting)).isEqualTo(1);
    }

    @Test
    void aWarningKeepsWhatTheSettingTakesOtherwise() {
        RecordMapping mapping = mapping("partition.from", "header:tenant", "partition.from.missing", "warn");
        assertThat(mapping.map(WITHOUT).partition()).isEqualTo("orders-3");
        assertThat(missing(mapping, "partition.from")).isEqualTo(1);
    }

    @Test
    void aHeaderOfOurOwnIsLookedAtFirst() {
        RecordMapping mapping = mapping("partition.from", "field:customer.id", "partition.from.missing", "fail");
        var record = new SinkRecord("orders", 3, null, null, null, Map.of(), 1042);
        record.headers().addString("sluice.partition", "7");
        assertThat(mapping.map(record).partition()).isEqualTo("7");
        assertThat(missing(mapping, "partition.from")).isZero();
    }

    @ParameterizedTest
    @CsvSource({"field:a, WARN", "header:a, WARN", "key, DEFAULT", "timestamp, DEFAULT"})
    void whatSomebodyNamedIsWarnedAboutUnlessToldOtherwise(String from, Missing expected) {
        assertThat(Missing.defaultFor(from)).isEqualTo(expected);
    }

    @Test
    void aPathIntoAValueWithoutFieldsIsMissingWhereSomebodyHasSaidWhatToDo() {
        String path = "field:customer.id";
        for (Object customer : new Object[] {"Ada", 7, java.util.List.of(Map.of("id", "7"))}) {
            var record = new SinkRecord("orders", 3, null, null, null, Map.of("customer", customer), 1042);
            RecordMapping lenient = mapping("partition.from", path, "partition.from.missing", "default");
            assertThat(lenient.map(record).partition()).isEqualTo("orders-3");
            assertThat(missing(lenient, "partition.from")).isEqualTo(1);
            assertThatThrownBy(() -> mapping("partition.from", path, "partition.from.missing", "fail")
                            .map(record))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("partition.from=field:customer.id finds nothing");
            assertThatThrownBy(() -> mapping("partition.from", path).map(record))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("has no field customer.id: it is a ");
        }
    }

    private static SinkRecord valued(Object value) {
        return new SinkRecord("orders", 3, null, null, null, value, 1042);
    }

    /** Returns a text as each class in which a converter hands it over. */
    private static List<Object> asTextAndBytes(String text) {
        return List.of(text, text.getBytes(UTF_8), ByteBuffer.wrap(text.getBytes(UTF_8)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"partition.from", "transaction.id.from", "trace.id.from", "created.from", "lane.from"})
    void aFieldOfTextOrBytesIsAnErrorThatNamesTheSettingsToChange(String setting) {
        for (Object value : asTextAndBytes("{\"id\":7}")) {
            for (String missing : new String[] {null, "fail"}) {
                RecordMapping mapping = missing == null
                        ? mapping(setting, "field:id")
                        : mapping(setting, "field:id", setting + ".missing", missing);
                assertThatThrownBy(() -> mapping.map(valued(value)))
                        .isInstanceOf(DataException.class)
                        .hasMessageStartingWith(setting + "=field:id")
                        .hasMessageContaining(
                                "value has no field id: it is " + (value instanceof String ? "text" : "bytes"))
                        .hasMessageContaining("value.converter=org.apache.kafka.connect.json.JsonConverter")
                        .hasMessageContaining("value.converter.schemas.enable=false")
                        .hasMessageContaining("field.parse.json=true");
            }
        }
    }

    @Test
    void aFieldOfTextOrBytesIsFoundIfTheyAreParsedAndThePayloadStaysAsItIs() {
        String text = " {\"customer\": {\"id\": 12345678901234567890}, \"price\": 12.50, \"at\": 1778925600123,"
                + " \"lane\": \"high\", \"trace\": \"018f0000-0000-7000-8000-000000000001\"} ";
        RecordMapping mapping = mapping(
                "field.parse.json", "true",
                "partition.from", "field:customer.id",
                "transaction.id.from", "field:price",
                "trace.id.from", "field:trace",
                "created.from", "field:at",
                "lane.from", "field:lane");
        for (Object value : asTextAndBytes(text)) {
            NewMessage message = mapping.map(valued(value));
            assertThat(message.partition()).isEqualTo("12345678901234567890");
            assertThat(message.transactionId()).isEqualTo("12.50");
            assertThat(message.traceId()).hasToString("018f0000-0000-7000-8000-000000000001");
            assertThat(message.origin().createdAt()).isEqualTo("2026-05-16T10:00:00.123Z");
            assertThat(message.origin().lane()).isEqualTo(PriorityLane.HIGH);
            assertThat(message.payload()).asString(UTF_8).isEqualTo(text);
        }
        assertThat(mapping("field.parse.json", "true", "partition.from", "field:customer")
                        .map(valued(text))
                        .partition())
                .isEqualTo("{\"id\":12345678901234567890}");
        assertThat(mapping("field.parse.json", "true", "partition.from", "field:customer.id")
                        .map(valued(Map.of("customer", Map.of("id", 7))))
                        .partition())
                .isEqualTo("7");
    }

    @Test
    void parsedTextWithoutTheFieldIsMissingAndTextThatIsNoJsonIsAnError() {
        RecordMapping mapping = mapping("field.parse.json", "true", "partition.from", "field:id");
        assertThat(mapping.map(valued("{}")).partition()).isEqualTo("orders-3");
        assertThat(missing(mapping, "partition.from")).isEqualTo(1);
        for (Object value : asTextAndBytes("no json")) {
            assertThatThrownBy(() -> mapping.map(valued(value)))
                    .isInstanceOf(DataException.class)
                    .hasMessageStartingWith("partition.from=field:id: value has no field id: it is ")
                    .hasMessageEndingWith("that is not JSON (field.parse.json=true)");
        }
        assertThatThrownBy(() -> mapping.map(valued("[1]")))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("it is a ArrayList");
    }

    @Test
    void aConstantIsNeverMissing() {
        assertThat(mapping("partition.from", "constant:all").missingCounters()).isEmpty();
    }
}
