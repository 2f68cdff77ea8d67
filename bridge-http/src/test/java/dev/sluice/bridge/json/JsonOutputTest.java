package dev.sluice.bridge.json;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class JsonOutputTest {
    @Test
    void writesEveryCharacterSoThatItIsReadBack() throws Exception {
        var mapper = new ObjectMapper();
        for (int c = 0; c <= Character.MAX_CODE_POINT; c += c < 0x3000 ? 1 : 251) {
            if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
                continue;
            }
            String text = "a" + Character.toString(c) + "b";
            var out = new JsonOutput(0).string(text);
            String read = mapper.readValue(out.toString(), String.class);
            if (!read.equals(text)) {
                assertThat(read).as("U+%04X", c).isEqualTo(text);
            }
        }
    }

    @Test
    void replacesHalfOfASurrogatePair() {
        assertThat(new JsonOutput(0).string("a\ud800b\udc00").toString()).isEqualTo("\"a\ufffdb\ufffd\"");
    }

    @Test
    void growsAsNeeded() {
        var out = new JsonOutput(0);
        var expected = new StringBuilder();
        for (int i = 0; i < 10_000; i++) {
            out.raw("x").number(i).json("{\"ä\":1}");
            expected.append('x').append(i).append("{\"ä\":1}");
        }
        assertThat(out.toString()).isEqualTo(expected.toString());
    }

    @Test
    void keepsLongTextsInPieces() throws Exception {
        var out = new JsonOutput(0);
        var expected = new StringBuilder();
        String text = "ä".repeat(700_000);
        for (int i = 0; i < 5; i++) {
            out.raw("x").json(text).string(text);
            expected.append('x').append(text).append('"').append(text).append('"');
        }
        var written = new ByteArrayOutputStream();
        out.writeTo(written);
        assertThat(out.pieces()).hasSizeGreaterThan(10);
        assertThat(out.pieces().stream().mapToLong(ByteBuffer::remaining).sum()).isEqualTo(out.length());
        assertThat(written.toString(UTF_8)).isEqualTo(expected.toString());
        assertThat(out.toString()).isEqualTo(expected.toString());
    }

    @Test
    void copiesNoLargeBytes() {
        byte[] large = "1".repeat((1 << 19) + 1).getBytes(UTF_8);
        var out = new JsonOutput(0)
                .array()
                .element("a")
                .raw(",")
                .json(large)
                .element("b")
                .endArray();
        assertThat(out.toString()).isEqualTo("[\"a\"," + new String(large, UTF_8) + ",\"b\"]");
        large[0] = '2';
        assertThat(out.toString()).startsWith("[\"a\",21");
        byte[] copied = Arrays.copyOf(large, 1 << 19);
        var copy = new JsonOutput(0).json(copied);
        copied[0] = '3';
        assertThat(copy.toString()).startsWith("21");
    }

    @Test
    void writesUuidsAndNumbersAsTheJdkDoes() {
        var random = new Random(3);
        for (int i = 0; i < 1000; i++) {
            var uuid = new UUID(random.nextLong(), random.nextLong());
            assertThat(new JsonOutput(0).uuid(uuid).toString()).isEqualTo("\"" + uuid + "\"");
            long number = random.nextLong() >> random.nextInt(64);
            assertThat(new JsonOutput(0).number(number).toString()).isEqualTo(Long.toString(number));
        }
        assertThat(new JsonOutput(0).uuid(null).string(null).toString()).isEqualTo("nullnull");
    }

    @Test
    void writesTimesWithMicroseconds() {
        assertThat(new JsonOutput(0)
                        .microseconds(Instant.parse("2026-05-16T10:00:00.123456Z"))
                        .toString())
                .isEqualTo("\"2026-05-16T10:00:00.123456Z\"");
        assertThat(new JsonOutput(0)
                        .microseconds(Instant.parse("2026-12-31T23:59:59Z"))
                        .toString())
                .isEqualTo("\"2026-12-31T23:59:59.000000Z\"");
    }

    @Test
    void setsTheCommasOfFieldsObjectsAndArrays() {
        var out = new JsonOutput(0)
                .object()
                .field("text", "a,{[:")
                .field("number", 7)
                .field("none", (String) null)
                .array("list")
                .element("x")
                .element("y")
                .object()
                .field("yes", true)
                .endObject()
                .array()
                .endArray()
                .endArray()
                .object("empty")
                .endObject()
                .name("raw")
                .json("{}")
                .field("id", new UUID(0, 1))
                .endObject();
        assertThat(out.toString())
                .isEqualTo(
                        "{'text':'a,{[:','number':7,'none':null,'list':['x','y',{'yes':true},[]],'empty':{},'raw':{},"
                                .concat("'id':'00000000-0000-0000-0000-000000000001'}")
                                .replace('\'', '"'));
    }

    @Test
    void setsACommaAtTheBeginningOfAPiece() {
        for (int length = (1 << 20) - 20; length < (1 << 20) + 5; length++) {
            var out = new JsonOutput(0)
                    .object()
                    .field("a", "x".repeat(length))
                    .field("b", 1)
                    .endObject();
            assertThat(out.toString().substring(length)).endsWith("\",\"b\":1}");
        }
    }
}
