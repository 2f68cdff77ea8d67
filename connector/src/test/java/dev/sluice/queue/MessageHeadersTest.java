package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MessageHeadersTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static MessageHeaders one(String name, String value) {
        return MessageHeaders.of(Map.of(name, value));
    }

    @Test
    void keepNamesValuesAndOrderThroughTheStoredForm() throws Exception {
        MessageHeaders parsed = MessageHeaders.parse(Messages.HEADERS.json());
        assertThat(parsed).isEqualTo(Messages.HEADERS).hasSameHashCodeAs(Messages.HEADERS);
        assertThat(List.copyOf(parsed.asMap().entrySet()))
                .isEqualTo(List.copyOf(Messages.HEADERS.asMap().entrySet()));
        assertThat((Object) JSON.readValue(Messages.HEADERS.json(), Map.class)).isEqualTo(Messages.HEADERS.asMap());
        assertThat(MessageHeaders.parse(JSON.writeValueAsString(Messages.HEADERS.asMap())))
                .isEqualTo(Messages.HEADERS);
    }

    @Test
    void keepEveryCharacterThatAValueMayHave() {
        var values = new LinkedHashMap<String, String>();
        for (int block = 0; block <= Character.MAX_CODE_POINT; block += 1 << 12) {
            var value = new StringBuilder();
            for (int c = block; c < block + (1 << 12); c++) {
                boolean allowed = (!Character.isISOControl(c) && !(c >= 0xd800 && c <= 0xdfff)) || c == '\t';
                if (allowed) {
                    value.appendCodePoint(c);
                }
            }
            values.put("x" + block, value.toString());
            assertThat(MessageHeaders.parse(one("x" + block, value.toString()).json())
                            .get("x" + block))
                    .isEqualTo(value.toString());
        }
        assertThat(values).hasSizeGreaterThan(200);
    }

    @Test
    void areFoundInAnyCaseAndKeepTheirs() {
        MessageHeaders headers = one("Content-Type", "text/plain");
        assertThat(headers.get("content-type")).isEqualTo("text/plain");
        assertThat(headers.get("CONTENT-TYPE")).isEqualTo("text/plain");
        assertThat(headers.get("content")).isNull();
        assertThat(headers.asMap()).containsOnlyKeys("Content-Type");
    }

    @Test
    void cannotBeChangedLater() {
        var given = new LinkedHashMap<String, String>(Map.of("a", "1"));
        MessageHeaders headers = MessageHeaders.of(given);
        given.put("b", "2");
        assertThat(headers.asMap()).isEqualTo(Map.of("a", "1"));
        assertThatThrownBy(() -> headers.asMap().put("b", "2")).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void withoutEntriesAreNoneAndAreNotStored() {
        assertThat(MessageHeaders.of(Map.of())).isSameAs(MessageHeaders.NONE);
        assertThat(MessageHeaders.parse(" { } ")).isSameAs(MessageHeaders.NONE);
        assertThat(MessageHeaders.ofStored(null)).isSameAs(MessageHeaders.NONE);
        assertThat(MessageHeaders.NONE.stored()).isNull();
        assertThat(MessageHeaders.NONE.json()).isEqualTo("{}");
        assertThat(MessageHeaders.NONE.isEmpty()).isTrue();
        assertThat(MessageHeaders.NONE.bytes()).isZero();
    }

    @Test
    void countTheBytesOfNamesAndValuesInUtf8() {
        int bytes = 0;
        for (Map.Entry<String, String> header : Messages.HEADERS.asMap().entrySet()) {
            bytes += (header.getKey() + header.getValue()).getBytes(UTF_8).length;
        }
        assertThat(Messages.HEADERS.bytes()).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "a:b", "a\tb", "\u00e9", "a(", "a/b", "\"", "a\u0000", "a,", "a@b", "\ud83d\ude00"})
    void refuseNamesThatAreNoTokens(String name) {
        assertThatThrownBy(() -> one(name, "1"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("names of headers must consist of letters, digits and [!-~]+, [ -~]+ has another"
                        + " character at index \\d+");
    }

    @Test
    void refuseAnEmptyName() {
        assertThatThrownBy(() -> one("", "1")).hasMessage("names of headers must not be empty");
    }

    @Test
    void allowNamesOf256CharactersAndNoLongerOnes() {
        assertThatCode(() -> one("n".repeat(256), "1")).doesNotThrowAnyException();
        assertThatThrownBy(() -> one("n".repeat(257), "1"))
                .hasMessage("names of headers must have at most 256 characters, " + "n".repeat(40) + "… has 257");
    }

    @ParameterizedTest
    @ValueSource(strings = {"sluice.id", "Sluice.Anything", "sluice."})
    void refuseReservedNamesOfProducersAndReadThemWhenStored(String name) {
        assertThatThrownBy(() -> one(name, "1"))
                .hasMessage("header " + name + " must not begin with sluice., which is reserved");
        assertThat(MessageHeaders.parse("{\"" + name + "\":\"1\"}").get(name)).isEqualTo("1");
    }

    @Test
    void allowNamesThatOnlyResembleReservedOnes() {
        assertThatCode(() -> MessageHeaders.of(Map.of("sluice", "1", "sluice-id", "2", "x.sluice.id", "3")))
                .doesNotThrowAnyException();
    }

    @Test
    void refuseTwoNamesThatDifferInCaseOnly() {
        var twice = new LinkedHashMap<String, String>();
        twice.put("Trace", "1");
        twice.put("trace", "2");
        assertThatThrownBy(() -> MessageHeaders.of(twice))
                .hasMessage("headers must have each name once, in any case, have two trace");
        assertThatThrownBy(() -> MessageHeaders.parse("{\"Trace\":\"1\",\"trace\":\"2\"}"))
                .hasMessageContaining("have two trace");
        assertThatThrownBy(() -> MessageHeaders.parse("{\"a\":\"1\",\"a\":\"1\"}"))
                .hasMessageContaining("a name twice");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u0000", "a\r\nb", "\n", "\u001f", "\u007f", "\u0085", "\u009f", "\u001b[0m"})
    void refuseControlCharactersInValues(String value) {
        assertThatThrownBy(() -> one("h", value))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("header h must not contain control characters, has U\\+[0-9A-F]{4} at index \\d");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"h\":\"\\ud800\"}", "{\"h\":\"\\udc00\\ud800\"}", "{\"h\":\"x\\udfff\"}"})
    void refuseHalvesOfSurrogatePairs(String json) {
        assertThatThrownBy(() -> MessageHeaders.parse(json))
                .hasMessageStartingWith("header h must not contain half of a surrogate pair");
    }

    @Test
    void takeEveryEscapeOfJsonAndStoreTheShortForm() {
        MessageHeaders parsed = MessageHeaders.parse(
                " {\"a\" : \"\\u0041\\/\\\\\\\"\\t\\ud834\\uDD1E\",\n\"\\u0062\":\"\\u20ac\"}\r\n");
        assertThat(parsed.asMap()).containsExactly(Map.entry("a", "A/\\\"\t\ud834\udd1e"), Map.entry("b", "\u20ac"));
        assertThat(parsed.json()).isEqualTo("{\"a\":\"A/\\\\\\\"\\t\ud834\udd1e\",\"b\":\"\u20ac\"}");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "[]",
                "\"a\"",
                "{",
                "{\"a\"}",
                "{\"a\":1}",
                "{\"a\":null}",
                "{\"a\":\"b\"",
                "{\"a\":\"b\",}",
                "{\"a\":\"b\"}x",
                "{a:\"b\"}",
                "{\"a\":\"b\\x\"}",
                "{\"a\":\"\\u12\"}",
                "{\"a\":\"\\u12G4\"}",
                "{\"a\":{}}",
                "{\"a\":\"b\n\"}",
                "{\"a\":\"\\",
                "{\"a\":\"\\u\uff11\uff11\uff11\uff11\"}",
                "{,}",
                "{\"a\":\"\tb\"}"
            })
    void refuseStoredTextsThatAreNoObjectsOfStrings(String text) {
        assertThatThrownBy(() -> MessageHeaders.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("headers must be the text of a JSON object of strings, expected ");
        assertThat(MessageHeaders.ofStored(text).asMap()).containsOnlyKeys(MessageHeaders.UNREADABLE);
    }

    @Test
    void ofADamagedStoredTextKeepTheText() {
        MessageHeaders damaged = MessageHeaders.ofStored("{\"a\":\"\u0001\u0085 \u20ac \ud834\udd1e \"");
        assertThat(damaged.get(MessageHeaders.UNREADABLE)).isEqualTo("{\"a\":\"?? \u20ac \ud834\udd1e \"");
        assertThat(MessageHeaders.ofStored(damaged.json())).isEqualTo(damaged);
    }

    @Test
    void keepTheAbsoluteLimitsAndNoMore() {
        int most = HeaderLimits.ABSOLUTE.count();
        assertThat(many(most).asMap()).hasSize(most);
        assertThatThrownBy(() -> many(most + 1)).hasMessage("headers must be at most 1024, are 1025");
        int bytes = HeaderLimits.ABSOLUTE.bytes();
        assertThat(one("h", "v".repeat(bytes - 1)).bytes()).isEqualTo(bytes);
        assertThatThrownBy(() -> one("h", "v".repeat(bytes)))
                .hasMessage("headers must have at most 262144 bytes of names and values, have 262145");
    }

    @Test
    void keepConfiguredLimitsAndNoMore() {
        var limits = new HeaderLimits(2, 10);
        assertThatCode(() -> limits.check(Messages.headers("a", "1234", "b", "1234")))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> limits.check(Messages.headers("a", "1234", "b", "12345")))
                .hasMessage("headers must have at most 10 bytes of names and values, have 11");
        assertThatThrownBy(() -> limits.check(many(3))).hasMessage("headers must be at most 2, are 3");
        assertThatCode(() -> new HeaderLimits(0, 0).check(MessageHeaders.NONE)).doesNotThrowAnyException();
        assertThatThrownBy(() -> new HeaderLimits(-1, 0)).hasMessage("limits must be 0 or more, were -1 and 0");
    }

    private static MessageHeaders many(int count) {
        var names = new ArrayList<String>();
        for (int i = 0; i < count; i++) {
            names.add("h" + i);
            names.add("");
        }
        return Messages.headers(names.toArray(String[]::new));
    }
}
