package dev.sluice.connect.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FieldPathTest {
    private static final Map<String, Object> VALUE = Map.of(
            "id",
            1,
            "customer",
            Map.of("id", 2, "address.city", "Oslo", "address", Map.of("city", "Rome", "zip", "00100")),
            "customer.name",
            "whole",
            "a.b",
            Map.of("c", 3, "c.d", 4),
            "tick`s",
            5,
            "a",
            Map.of("b", Map.of("e", 6)));

    private static @Nullable Object find(String path, Object value) {
        FieldPath.Found found = FieldPath.parse(path).find(null, value);
        return found == null ? null : found.value();
    }

    @ParameterizedTest
    @CsvSource({
        "id, 1",
        "customer.id, 2",
        "customer.name, whole",
        "customer.address.city, Oslo",
        "customer.address.zip, 00100",
        "customer.`address`.city, Rome",
        "customer.`address.city`, Oslo",
        "`customer`.id, 2",
        "`customer.name`, whole",
        "a.b.c, 3",
        "a.b.c.d, 4",
        "`a.b`.c.d, 4",
        "a.b.e, 6",
        "`tick``s`, 5",
        "`customer.id`,",
        "`a`.b.c,",
        "customer.name.first,",
        "missing,",
        "customer.missing,",
    })
    void theLongestNameWinsAndBackTicksHoldANameTogether(String path, @Nullable String expected) {
        if (path.equals("customer.name.first")) {
            assertThatThrownBy(() -> find(path, VALUE))
                    .isInstanceOf(DataException.class)
                    .hasMessage("value has no field customer.name.first: it is a String and not a struct or a map");
            return;
        }
        Object found = find(path, VALUE);
        assertThat(found == null ? null : found.toString()).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"`a", "a.`b", "`a`b", "`", "```", "`a`.`b`c"})
    void aBackTickIsClosedAndFollowedByADot(String path) {
        assertThatThrownBy(() -> FieldPath.parse(path))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("back-tick");
    }

    @Test
    void aNullOnTheWayIsNothing() {
        var value = new HashMap<String, Object>();
        value.put("customer", null);
        value.put("whole.name", null);
        assertThat(find("customer.id", value)).isNull();
        assertThat(find("whole.name", value)).isNull();
        assertThat(FieldPath.parse("customer").find(null, null)).isNull();
    }

    @Test
    void whatFlattenMakesIsFoundUnderThePathItHadBefore() {
        Schema customer =
                SchemaBuilder.struct().field("id", Schema.INT64_SCHEMA).build();
        Schema schema = SchemaBuilder.struct().field("customer", customer).build();
        var value = new Struct(schema).put("customer", new Struct(customer).put("id", 99L));
        var record = new SinkRecord("orders", 3, null, null, schema, value, 1042);
        Schema flatSchema =
                SchemaBuilder.struct().field("customer.id", Schema.INT64_SCHEMA).build();
        var flat = new SinkRecord(
                "orders", 3, null, null, flatSchema, new Struct(flatSchema).put("customer.id", 99L), 1042);
        Selector selector = Selector.parse("partition.from", "field:customer.id", new RecordFields(false));
        assertThat(selector.select(record)).isEqualTo("99");
        assertThat(selector.select(flat)).isEqualTo("99");
    }
}
