package dev.sluice.connect.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.plugin.SettingGroup;
import dev.sluice.connect.record.WatchedSelector.Missing;
import java.util.HashMap;
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

    @Test
    void aConstantIsNeverMissing() {
        assertThat(mapping("partition.from", "constant:all").missingCounters()).isEmpty();
    }
}
