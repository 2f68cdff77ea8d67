package dev.sluice.connect.record;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonValueTest {
    private static @Nullable Object parsed(String text) {
        return JsonValue.parse(text, number -> "#" + number).orElseThrow().value();
    }

    @Test
    void anObjectIsAMapInTheOrderOfTheTextAndAnArrayAList() {
        Object value = parsed(" { \"b\" : [ 1 , [ ] , { } , null ] ,\n\"a\":{\"\":true,\"x\":false}, \"c\" : \"\" } ");
        assertThat(value).isInstanceOf(Map.class);
        assertThat(((Map<?, ?>) value).keySet().toString()).isEqualTo("[b, a, c]");
        assertThat(value)
                .isEqualTo(Map.of(
                        "b", Arrays.asList("#1", List.of(), Map.of(), null),
                        "a", Map.of("", true, "x", false),
                        "c", ""));
    }

    @Test
    void ofTwoMembersWithOneNameTheLastCounts() {
        assertThat(parsed("{\"a\":1,\"b\":2,\"a\":3}")).isEqualTo(Map.of("a", "#3", "b", "#2"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-0", "7", "-12.50e+3", "1E400", "123456789012345678901234567890.00"})
    void aNumberReachesTheCallerAsItIsWritten(String number) {
        assertThat(parsed(number)).isEqualTo("#" + number);
        assertThat(parsed("[" + number + "," + number + " ]")).isEqualTo(List.of("#" + number, "#" + number));
    }

    @Test
    void escapesBecomeTheirCharacters() {
        assertThat(parsed("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\ud83d\\ude80 \\u0000\""))
                .isEqualTo("\"\\/\b\f\n\r\tAé🚀 \0");
        assertThat(parsed("\"é🚀 plain\"")).isEqualTo("é🚀 plain");
        assertThat(parsed("\"\\ud800\"")).isEqualTo("\ud800");
        assertThat(parsed("{\"a\\u0062\":\"\"}")).isEqualTo(Map.of("ab", ""));
    }

    @Test
    void nullIsAValue() {
        assertThat(JsonValue.parse(" null\n", number -> number)).hasValue(new JsonValue.Parsed(null));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", " ", "text", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "nul", "01", "1 2", "\"\\u00g0\"", "'a'"
            })
    void whatIsNoJsonIsNoValue(String text) {
        assertThat(JsonValue.parse(text, number -> number)).isEmpty();
    }

    @Test
    void theDeepestValueIsReadAndADeeperOneIsNone() {
        for (String inside : new String[] {"", "1", "[],{}"}) {
            int levels = inside.length() > 1 ? JsonText.MAX_DEPTH - 1 : JsonText.MAX_DEPTH;
            String deepest = "[".repeat(levels) + inside + "]".repeat(levels);
            assertThat(JsonValue.parse(deepest, number -> number)).isPresent();
            assertThat(JsonValue.parse("[" + deepest + "]", number -> number)).isEmpty();
            assertThat(JsonValue.parse("{\"a\":" + deepest + "}", number -> number))
                    .isEmpty();
        }
    }

    @Nested
    class ANumberIs {
        @ParameterizedTest
        @CsvSource({
            "0, 0",
            "-7, -7",
            "9223372036854775807, 9223372036854775807",
            "-9223372036854775808, -9223372036854775808"
        })
        void aLongIfItHas64Bits(String text, long expected) {
            assertThat(JsonValue.exact(text)).hasValue(expected);
        }

        @ParameterizedTest
        @CsvSource({
            "-0, -0.0",
            "0.1, 0.1",
            "12.50, 12.5",
            "1e3, 1000",
            "1E+22, 1e22",
            "0.000, 0",
            "1.7976931348623157e308, 1.7976931348623157e308",
            "4.9e-324, 4.9e-324"
        })
        void aDoubleIfThatIsTheSameNumber(String text, double expected) {
            assertThat(JsonValue.exact(text)).hasValue(expected);
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "9223372036854775808",
                    "-9223372036854775809",
                    "12345678901234567890",
                    "100000000000000000000",
                    "0.12345678901234567890",
                    "9007199254740993.0",
                    "1e400",
                    "1e-400",
                    "1e99999999999",
                    "-1e-99999999999"
                })
        void neitherIfADigitWouldBeLost(String text) {
            assertThat(JsonValue.exact(text)).isEmpty();
        }

        @Test
        void neitherIfItIsLongerThanIsCompared() {
            String longest = "0.5" + "0".repeat(JsonValue.MAX_DECIMAL_LENGTH - 3);
            assertThat(JsonValue.exact(longest)).hasValue(0.5);
            assertThat(JsonValue.exact(longest + "0")).isEmpty();
        }

        @Test
        void readInTimeHoweverManyDigitsItHas() {
            String huge = "9".repeat(10_000_000);
            org.junit.jupiter.api.Assertions.assertTimeout(Duration.ofSeconds(5), () -> {
                assertThat(JsonValue.exact(huge)).isEmpty();
                assertThat(JsonValue.exact(huge + ".5")).isEmpty();
            });
        }
    }
}
