package dev.sluice.connect.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.source.RecordValues.Inexact;
import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordValuesTest {
    private static SchemaAndValue value(RecordValues values, String payload) {
        return values.of(new Message(
                7,
                "customer 7",
                "orders",
                42,
                new UUID(1, 2),
                "t-1",
                payload.getBytes(UTF_8),
                MessageHeaders.NONE,
                null,
                null,
                Instant.EPOCH));
    }

    private static SchemaAndValue json(String payload) {
        return json(Inexact.STRING, payload);
    }

    private static SchemaAndValue json(Inexact inexact, String payload) {
        return value(new RecordValues(RecordValues.Type.JSON, inexact, false), payload);
    }

    @Test
    void aPayloadAsTextOrBytesIsTheSameByteForByte() {
        String payload = " {\"a\" : 12345678901234567890.10 } ";
        assertThat(value(new RecordValues(RecordValues.Type.STRING, Inexact.STRING, false), payload))
                .isEqualTo(new SchemaAndValue(Schema.STRING_SCHEMA, payload));
        SchemaAndValue bytes = value(new RecordValues(RecordValues.Type.BYTES, Inexact.STRING, false), payload);
        assertThat(bytes.schema()).isEqualTo(Schema.BYTES_SCHEMA);
        assertThat((byte[]) bytes.value()).isEqualTo(payload.getBytes(UTF_8));
    }

    @Test
    void aPayloadAsJsonHasFieldsAndNoSchema() {
        SchemaAndValue value = json("{\"customer\":{\"id\":7},\"tags\":[\"a\",null,1.5,true],\"note\":\"\\u00e9\"}");
        assertThat(value.schema()).isNull();
        assertThat(value.value())
                .isEqualTo(
                        Map.of("customer", Map.of("id", 7L), "tags", Arrays.asList("a", null, 1.5, true), "note", "é"));
        assertThat(json("[]").value()).isEqualTo(List.of());
        assertThat(json("\"text\"").value()).isEqualTo("text");
        assertThat(json("3").value()).isEqualTo(3L);
    }

    @Test
    void aPayloadThatIsNoJsonIsAText() {
        assertThat(json("{not json")).isEqualTo(new SchemaAndValue(null, "{not json"));
    }

    @Nested
    class ANumberThatIsNotExact {
        @ParameterizedTest
        @ValueSource(strings = {"12345678901234567890", "0.12345678901234567890", "1e400", "1e99999999999"})
        void becomesATextWithTheSameDigits(String number) {
            assertThat(json("[" + number + "]").value()).isEqualTo(List.of(number));
        }

        @ParameterizedTest
        @CsvSource({"12345678901234567890, 1.2345678901234567E19", "0.12345678901234567890, 0.12345678901234568"})
        void becomesTheNearestDoubleIfThatIsSet(String number, double nearest) {
            assertThat(json(Inexact.DOUBLE, number).value()).isEqualTo(nearest);
        }

        @Test
        void staysATextIfNoDoubleIsNear() {
            assertThat(json(Inexact.DOUBLE, "1e400").value()).isEqualTo("1e400");
        }

        @Test
        void isAnErrorThatNamesItsPlaceIfThatIsSet() {
            assertThatThrownBy(() -> json(Inexact.FAIL, "{\"n\":" + "9".repeat(60) + "}"))
                    .isInstanceOf(DataException.class)
                    .hasMessage("the number " + "9".repeat(50) + "… is no 64-bit integer and no double"
                            + " (inexact.numbers=fail): message 42 of partition customer 7 of queue orders,"
                            + " transaction id t-1");
            assertThat(json(Inexact.FAIL, "[9007199254740993, 0.1]").value())
                    .isEqualTo(List.of(9007199254740993L, 0.1));
        }
    }

    @Nested
    class ANullPayload {
        @ParameterizedTest
        @EnumSource(RecordValues.Type.class)
        void isATombstoneIfThatIsSet(RecordValues.Type type) {
            var values = new RecordValues(type, Inexact.STRING, true);
            assertThat(value(values, "null")).isEqualTo(new SchemaAndValue(null, null));
            assertThat(value(values, " null\n")).isEqualTo(new SchemaAndValue(null, null));
            assertThat(value(values, "\"null\"").value()).isNotNull();
            assertThat(value(values, "[null]").value()).isNotNull();
        }

        @Test
        void isAValueOtherwise() {
            assertThat(value(new RecordValues(RecordValues.Type.STRING, Inexact.STRING, false), "null")
                            .value())
                    .isEqualTo("null");
            assertThat((byte[]) value(new RecordValues(RecordValues.Type.BYTES, Inexact.STRING, false), "null")
                            .value())
                    .isEqualTo("null".getBytes(UTF_8));
            // JsonConverter writes a tombstone if both are null.
            assertThat(json("null")).isEqualTo(new SchemaAndValue(Schema.OPTIONAL_STRING_SCHEMA, null));
        }
    }
}
