package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.UUID;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The file format, as the package comment documents it and as released versions wrote it. */
class FormatTest {
    private static final Path PACKAGE_COMMENT = Path.of("src/main/java/dev/sluice/buffer/package-info.java");
    private static final Path GOLDEN = Path.of("src/test/resources/format-1");

    @Test
    void theWorkedExampleOfThePackageCommentIsTrue() throws Exception {
        var bytes = ByteBuffer.wrap(exampleBytes());
        assertThat(bytes.limit()).isEqualTo(119);
        assertThat(SegmentFormat.decodeHeader(bytes.duplicate()))
                .hasValue(new SegmentFormat.Header(
                        1,
                        UUID.fromString("01234567-89ab-8def-a8e4-12a890f5108a"),
                        3,
                        42,
                        GoldenFiles.CREATED_AT_MILLIS));
        var frame = SegmentFormat.frame(bytes, 64);
        assertThat(frame.isPlausible(0x0123_4567_89ab_8defL)).isTrue();
        assertThat(frame.count()).isEqualTo(2);
        assertThat(frame.firstOffset()).isEqualTo(42);
        assertThat(frame.epoch()).isEqualTo(3);
        assertThat(SegmentFormat.checksum(bytes, 68, 119)).isEqualTo(frame.checksum());
        assertThat(SegmentFormat.nextOffset(bytes, 64, frame)).isEqualTo(44);
        assertThat(new String(bytes.array(), 108, 5, UTF_8)).isEqualTo("alpha");
        assertThat(new String(bytes.array(), 117, 2, UTF_8)).isEqualTo("be");
    }

    private static byte[] exampleBytes() throws IOException {
        var bytes = new ByteArrayOutputStream();
        var line = Pattern.compile("(?m)^ \\* [0-9a-f]{8}  ((?:[0-9a-f]{2} ?)+)$")
                .matcher(Files.readString(PACKAGE_COMMENT));
        while (line.find()) {
            bytes.write(HexFormat.ofDelimiter(" ").parseHex(line.group(1)));
        }
        return bytes.toByteArray();
    }

    @Test
    void filesOfVersion1AreRead(@TempDir Path directory) throws Exception {
        for (var name : new String[] {"00000000000000000042.log", "position"}) {
            Files.copy(GOLDEN.resolve(name + ".golden"), directory.resolve(name));
        }
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(directory));
                var reader = log.reader(0)) {
            assertThat(log.id()).isEqualTo(GoldenFiles.ID);
            assertThat(log.epoch()).isEqualTo(4);
            assertThat(log.recovery().findings()).isEmpty();
            assertThat(log.committedOffset()).isEqualTo(43);
            assertThat(log.nextOffset()).isEqualTo(53);
            var entries = reader.read(100, 1 << 20);
            assertThat(SegmentLogTest.texts(entries))
                    .containsExactly("alpha", "be", "", "{\"\u00e4\":1}", "x".repeat(300));
            assertThat(entries).extracting(Entry::offset).containsExactly(42L, 43L, 50L, 51L, 52L);
            assertThat(entries.get(0).epoch()).isEqualTo(3);
            assertThat(entries.get(0).appendedAt().toEpochMilli()).isEqualTo(GoldenFiles.CREATED_AT_MILLIS + 42);
        }
    }

    @Test
    void whatIsWrittenNowIsStillVersion1() throws Exception {
        assertThat(GoldenFiles.segment())
                .isEqualTo(ByteBuffer.wrap(Files.readAllBytes(GOLDEN.resolve("00000000000000000042.log.golden"))));
        assertThat(GoldenFiles.position())
                .isEqualTo(ByteBuffer.wrap(Files.readAllBytes(GOLDEN.resolve("position.golden"))));
    }

    @Test
    void theFirstHalfOfAnIdTellsTheSecond() {
        for (int i = 0; i < 1000; i++) {
            var id = LogId.random();
            assertThat(LogId.isValid(id)).isTrue();
            assertThat(id.version()).isEqualTo(8);
            assertThat(id.variant()).isEqualTo(2);
            assertThat(LogId.fromTag(LogId.tag(id))).isEqualTo(id);
        }
        assertThat(LogId.isValid(UUID.randomUUID())).isFalse();
    }

    @Test
    void aFileNameHoldsEveryOffset() {
        assertThat(SegmentFormat.fileName(42)).isEqualTo("00000000000000000042.log");
        assertThat(SegmentFormat.firstOffset("00000000000000000042.log")).hasValue(42);
        assertThat(SegmentFormat.firstOffset(SegmentFormat.fileName(Long.MAX_VALUE)))
                .hasValue(Long.MAX_VALUE);
        assertThat(SegmentFormat.firstOffset("09223372036854775808.log")).isEmpty();
        assertThat(SegmentFormat.firstOffset("42.log")).isEmpty();
    }
}
