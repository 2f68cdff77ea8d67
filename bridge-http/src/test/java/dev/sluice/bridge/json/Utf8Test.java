package dev.sluice.bridge.json;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Utf8Test {
    @Test
    void acceptsEveryCodePoint() {
        for (int codePoint = 0; codePoint <= Character.MAX_CODE_POINT; codePoint++) {
            if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
                continue;
            }
            byte[] bytes = Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
            if (Utf8.firstInvalid(bytes) != -1) {
                assertThat(Utf8.firstInvalid(bytes)).as("U+%04X", codePoint).isEqualTo(-1);
            }
        }
    }

    @Test
    void agreesWithTheDecoderOfTheJdkOnEveryShortSequence() {
        byte[] lead = {0x41, (byte) 0x7f};
        for (int first = 0x80; first < 0x100; first++) {
            for (int second = 0; second < 0x100; second++) {
                for (int third : new int[] {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff}) {
                    byte[] bytes = {lead[0], (byte) first, (byte) second, (byte) third, (byte) 0x80, lead[1]};
                    if (isValid(bytes) != (Utf8.firstInvalid(bytes) == -1)) {
                        assertThat(Utf8.firstInvalid(bytes) == -1)
                                .as("%02x %02x %02x", first, second, third)
                                .isEqualTo(isValid(bytes));
                    }
                }
            }
        }
    }

    @Test
    void agreesWithTheDecoderOfTheJdkOnTextWithOneByteChanged() {
        var random = new Random(7);
        byte[] text =
                "{\"plain text, long enough for eight at a time\":\"äöü € 😋 前田\"}".getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < 20_000; i++) {
            byte[] changed = text.clone();
            changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
            assertThat(Utf8.firstInvalid(changed) == -1).as("round %d", i).isEqualTo(isValid(changed));
        }
    }

    @Test
    void tellsWhereTheFirstIllFormedSequenceBegins() {
        assertThat(Utf8.firstInvalid(new byte[] {'a', 'b', (byte) 0xc3, (byte) 0xa4, (byte) 0xff, 'c'}))
                .isEqualTo(4);
        assertThat(Utf8.firstInvalid(new byte[] {'a', (byte) 0xe2, (byte) 0x82}))
                .isEqualTo(1);
    }

    private static boolean isValid(byte[] bytes) {
        try {
            StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(bytes));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }
}
