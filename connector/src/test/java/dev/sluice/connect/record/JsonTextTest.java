package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("JavaUtilDate") // Connect uses this class for its logical types.
class JsonTextTest {
    private static String json(@Nullable Object value) {
        return json(null, value);
    }

    private static String json(@Nullable Schema schema, @Nullable Object value) {
        return new String(JsonText.of(schema, value), UTF_8);
    }

    @Nested
    class TextThatIsJsonStaysAsItIs {
        @ParameterizedTest
        @ValueSource(
                strings = {
                    "{}",
                    "[]",
                    "null",
                    "true",
                    "false",
                    "0",
                    "-0",
                    "12.5e-3",
                    "1E+400",
                    "\"text\"",
                    " { \"a\" : [ 1 , {\"b\":null} ] }\n",
                    "\"\\u0000\\ud800 \\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                    "\"ñ🚀\"",
                    "{\"a\":1,\"a\":2}",
                    "123456789012345678901234567890.00"
                })
        void byteForByte(String text) {
            assertThat(json(text)).isEqualTo(text);
            assertThat(JsonText.of(null, text.getBytes(UTF_8))).isEqualTo(text.getBytes(UTF_8));
            assertThat(JsonText.of(null, ByteBuffer.wrap(text.getBytes(UTF_8)))).isEqualTo(text.getBytes(UTF_8));
        }
    }

    @Nested
    class TextThatIsNotJsonBecomesAString {
        @ParameterizedTest
        @ValueSource(
                strings = {
                    "",
                    " ",
                    "text",
                    "{",
                    "[1,]",
                    "{\"a\":}",
                    "{a:1}",
                    "01",
                    "1.",
                    ".5",
                    "-",
                    "1e",
                    "+1",
                    "nul",
                    "truee",
                    "'a'",
                    "[1 2]",
                    "{\"a\":1,}",
                    "NaN",
                    "\ufeff{}",
                    "1 2"
                })
        void withItsCharacters(String text) {
            assertThat(json(text)).isEqualTo("\"" + text.replace("\"", "\\\"") + "\"");
        }

        @Test
        void withEscapesWhereJsonNeedsThem() {
            assertThat(json("a\"b\\c\n\r\t\u0000\u001f/")).isEqualTo("\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f/\"");
        }

        @Test
        void alsoWhenAControlCharacterStandsInAStringUnescaped() {
            assertThat(json("\"a\nb\"")).isEqualTo("\"\\\"a\\nb\\\"\"");
        }

        @Test
        void alsoWhenItHoldsHalfASurrogatePair() {
            assertThat(json("\"\ud800\"")).isEqualTo("\"\\\"\\ud800\\\"\"");
            assertThat(json("\udc00🚀")).isEqualTo("\"\\udc00🚀\"");
        }

        @Test
        void alsoWhenItIsNestedTooDeep() {
            String deep = "[".repeat(1001) + "]".repeat(1001);
            assertThat(json(deep)).startsWith("[[");
            String deeper = "[".repeat(1002) + "]".repeat(1002);
            assertThat(json(deeper)).startsWith("\"[[");
        }
    }

    @Test
    void bytesThatAreNotJsonBecomeBase64() {
        assertThat(json(new byte[] {1, 2, -1})).isEqualTo("\"AQL/\"");
        assertThat(json("text".getBytes(UTF_8))).isEqualTo("\"dGV4dA==\"");
        assertThat(json(new byte[0])).isEqualTo("\"\"");
    }

    @Nested
    class Scalars {
        @Test
        void areJsonScalars() {
            assertThat(json(null)).isEqualTo("null");
            assertThat(json(true)).isEqualTo("true");
            assertThat(json((byte) -1)).isEqualTo("-1");
            assertThat(json(Short.MAX_VALUE)).isEqualTo("32767");
            assertThat(json(42)).isEqualTo("42");
            assertThat(json(Long.MIN_VALUE)).isEqualTo("-9223372036854775808");
            assertThat(json(1.5)).isEqualTo("1.5");
            assertThat(json(1e300)).isEqualTo("1.0E300");
            assertThat(json(0.1f)).isEqualTo("0.1");
            assertThat(json(new BigInteger("123456789012345678901"))).isEqualTo("123456789012345678901");
        }

        @ParameterizedTest
        @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
        void thatJsonDoesNotHaveAreErrors(double number) {
            assertThatThrownBy(() -> json(number))
                    .isInstanceOf(DataException.class)
                    .hasMessage("number " + number + " has no form in JSON");
        }

        @Test
        void ofForeignClassesAreErrors() {
            assertThatThrownBy(() -> json(new Object()))
                    .isInstanceOf(DataException.class)
                    .hasMessage("value of class java.lang.Object has no form in JSON");
        }
    }

    @Nested
    class LogicalTypes {
        private final java.util.Date moment = new java.util.Date(1_778_925_600_123L);

        @Test
        void haveTheirUsualText() {
            assertThat(json(Timestamp.SCHEMA, moment)).isEqualTo("\"2026-05-16T10:00:00.123Z\"");
            assertThat(json(Date.SCHEMA, new java.util.Date(1_778_889_600_000L)))
                    .isEqualTo("\"2026-05-16\"");
            assertThat(json(Time.SCHEMA, new java.util.Date(36_000_123L))).isEqualTo("\"10:00:00.123\"");
            assertThat(json(Decimal.schema(2), new BigDecimal("12.50"))).isEqualTo("12.50");
        }

        @Test
        void ofATimeCoverOneDayAndNoMore() {
            assertThat(json(Time.SCHEMA, new java.util.Date(0))).isEqualTo("\"00:00:00.000\"");
            assertThat(json(Time.SCHEMA, new java.util.Date(86_399_999))).isEqualTo("\"23:59:59.999\"");
            for (long outside : new long[] {-1, 86_400_000, 90_000_000}) {
                assertThatThrownBy(() -> json(Time.SCHEMA, new java.util.Date(outside)))
                        .isInstanceOf(DataException.class)
                        .hasMessageStartingWith("time of day of " + outside + " ms has no form in JSON");
            }
        }

        @Test
        void ofAYearWithoutFourDigitsHaveASign() {
            var far = new java.util.Date(253_402_300_800_000L);
            assertThat(json(Timestamp.SCHEMA, far)).isEqualTo("\"+10000-01-01T00:00:00.000Z\"");
            assertThat(json(Date.SCHEMA, far)).isEqualTo("\"+10000-01-01\"");
        }

        @Test
        void ofADecimalKeepEachDigitAndMayHaveAnExponent() {
            assertThat(json(Decimal.schema(8), new BigDecimal("0.00000000"))).isEqualTo("0E-8");
            assertThat(json(Decimal.schema(10), new BigDecimal("12345678901234567890.1234567890")))
                    .isEqualTo("12345678901234567890.1234567890");
        }

        @Test
        void ofADateWithoutASchemaIsATimestamp() {
            assertThat(json(moment)).isEqualTo("\"2026-05-16T10:00:00.123Z\"");
        }

        @Test
        void ofAHugeDecimalStaysShort() {
            assertThat(json(new BigDecimal("1E+1000000000"))).isEqualTo("1E+1000000000");
        }
    }

    @Nested
    class Structures {
        private final Schema address = SchemaBuilder.struct()
                .field("city", Schema.OPTIONAL_STRING_SCHEMA)
                .build();
        private final Schema schema = SchemaBuilder.struct()
                .field("name", Schema.STRING_SCHEMA)
                .field("seen", Timestamp.SCHEMA)
                .field("tags", SchemaBuilder.array(Schema.STRING_SCHEMA).build())
                .field("at", SchemaBuilder.map(Schema.INT32_SCHEMA, Date.SCHEMA).build())
                .field("address", address)
                .field("raw", Schema.BYTES_SCHEMA)
                .build();

        @Test
        void ofAStructKeepTheOrderAndTypesOfItsSchema() {
            var struct = new Struct(schema)
                    .put("name", "{\"not\":\"parsed\"}")
                    .put("seen", new java.util.Date(0))
                    .put("tags", List.of("a", "b"))
                    .put("at", Map.of(7, new java.util.Date(0)))
                    .put("address", new Struct(address))
                    .put("raw", new byte[] {123, 125});
            assertThat(json(schema, struct))
                    .isEqualTo("{\"name\":\"{\\\"not\\\":\\\"parsed\\\"}\",\"seen\":\"1970-01-01T00:00:00.000Z\","
                            + "\"tags\":[\"a\",\"b\"],\"at\":{\"7\":\"1970-01-01\"},\"address\":{\"city\":null},"
                            + "\"raw\":\"e30=\"}");
        }

        @Test
        void withoutASchemaAreTakenAsTheyAre() {
            var map = new LinkedHashMap<Object, Object>();
            map.put("list", Arrays.asList(1, null, "x"));
            map.put(1, Map.of());
            map.put(true, List.of());
            assertThat(json(map)).isEqualTo("{\"list\":[1,null,\"x\"],\"1\":{},\"true\":[]}");
        }

        @Test
        void withANullKeyAreErrors() {
            assertThatThrownBy(() -> json(Collections.singletonMap(null, 1)))
                    .isInstanceOf(DataException.class)
                    .hasMessage("map has a null key, which has no form in JSON");
        }

        @Test
        void nestedTooDeepAreErrors() {
            Object value = 1;
            for (int i = 0; i < JsonText.MAX_DEPTH; i++) {
                value = List.of(value);
            }
            assertThat(json(value)).hasSize(2 * JsonText.MAX_DEPTH + 1);
            Object deeper = List.of(value);
            assertThatThrownBy(() -> json(deeper))
                    .isInstanceOf(DataException.class)
                    .hasMessage("value is nested deeper than 1000 levels");
        }
    }
}
