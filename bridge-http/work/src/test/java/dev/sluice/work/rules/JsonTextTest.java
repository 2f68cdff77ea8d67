package dev.sluice.work.rules;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTextTest {
    private static final ObjectMapper JACKSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1",
                "-0.5e+10",
                "\"a\\u00e9\\n\"",
                "{}",
                "[]",
                " [ ] ",
                "{\"a\":{\"b\":[1,{},[]]},\"c\":null}",
                "true",
                "[false]"
            })
    void jsonIsAccepted(String json) {
        assertThatCode(() -> JsonText.check(json.getBytes(UTF_8))).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "[1,]",
                "{\"a\":1,}",
                "{a:1}",
                "01",
                "1.",
                "+1",
                "nul",
                "\"\t\"",
                "\"\\x\"",
                "\"\\u12g4\"",
                "[1}",
                "1 2",
                "\"",
                "[",
                "{\"a\"}",
                "tru",
                "NaN"
            })
    void otherTextsAreRefused(String text) {
        assertThatThrownBy(() -> JsonText.check(text.getBytes(UTF_8)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("payload must be JSON: expected ");
    }

    @Test
    void bytesThatAreNoUtf8AreRefused() {
        assertThatThrownBy(() -> JsonText.check(new byte[] {'"', (byte) 0xff, '"'}))
                .hasMessage("payload must be UTF-8");
    }

    @Test
    void aLimitOfDepthHolds() {
        JsonText.check(("[".repeat(1000) + "]".repeat(1000)).getBytes(UTF_8));
        assertThatThrownBy(() -> JsonText.check(("[".repeat(1001) + "]".repeat(1001)).getBytes(UTF_8)))
                .hasMessageContaining("at most 1000 levels");
    }

    /** Random texts of few characters, which are often JSON, are judged as Jackson judges them. */
    @Test
    void judgesAsJacksonDoes() {
        var random = new Random(1);
        String characters = "{}[],:\"\"0123456789-.eE+ tfn\\u";
        int valid = 0;
        for (int i = 0; i < 200_000; i++) {
            var text = new StringBuilder();
            for (int length = random.nextInt(9); length >= 0; length--) {
                text.append(characters.charAt(random.nextInt(characters.length())));
            }
            boolean isJson = isJson(text.toString());
            valid += isJson ? 1 : 0;
            if (isJson) {
                JsonText.check(text.toString().getBytes(UTF_8));
            } else {
                assertThatThrownBy(() -> JsonText.check(text.toString().getBytes(UTF_8)))
                        .as(text.toString())
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
        assertThat(valid).isGreaterThan(1_000);
    }

    private static boolean isJson(String text) {
        try {
            return !JACKSON.readTree(text).isMissingNode();
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void aTextInQuotesIsReadAsItWas() throws IOException {
        String odd = "a\"b\\c\n\u0000\u001f é 😀";
        assertThat(JACKSON.readTree(JsonText.quoted(odd)).asText()).isEqualTo(odd);
        assertThat(JACKSON.readTree(JsonText.quoted("x\ud800y")).asText()).isEqualTo("x\uFFFDy");
    }
}
