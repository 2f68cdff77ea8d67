package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Tests strings, which {@link JsonSyntax} scans eight bytes at a time. {@link JsonTextTest} tests the rest. */
class JsonSyntaxTest {
    private static final int LENGTHS = 25;

    private static boolean mayStandInAString(int b) {
        return b >= ' ' && b != '"' && b != '\\';
    }

    @Test
    void everyByteIsJudgedAtEveryPlaceOfAString() {
        for (int length = 1; length < LENGTHS; length++) {
            for (int place = 0; place < length; place++) {
                for (int b = 0; b < 256; b++) {
                    byte[] text = new byte[length + 2];
                    Arrays.fill(text, (byte) 'x');
                    text[0] = '"';
                    text[length + 1] = '"';
                    text[place + 1] = (byte) b;
                    assertThat(JsonSyntax.isValid(text))
                            .as("byte %d at %d of %d", b, place, length)
                            .isEqualTo(mayStandInAString(b));
                }
            }
        }
    }

    @Test
    void escapesAreReadWhereverTheyBegin() {
        for (int length = 0; length < LENGTHS; length++) {
            String before = "\u00e9".repeat(length);
            for (String after : new String[] {"", "x", "xxxxxxxxxxxxxxx"}) {
                assertThat(isValid('"' + before + "\\u00e9\\n\\\"" + after + '"'))
                        .isTrue();
                assertThat(isValid('"' + before + "\\u00g9" + after + '"')).isFalse();
                assertThat(isValid('"' + before + "\\\"" + after)).isFalse();
            }
        }
    }

    @Test
    void aStringThatDoesNotEndIsNone() {
        for (int length = 0; length < LENGTHS; length++) {
            assertThat(JsonSyntax.isValid(('"' + "x".repeat(length)).getBytes(US_ASCII)))
                    .isFalse();
        }
    }

    private static boolean isValid(String text) {
        return JsonSyntax.isValid(text.getBytes(ISO_8859_1));
    }
}
