package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The file format, as the package comment documents it and as released versions wrote it. */
class FormatTest {
    private static final Path PACKAGE_COMMENT = Path.of("src/main/java/dev/sluice/buffer/package-info.java");
    private static final String SEGMENT = "00000000000000000042.log";
    private static final Path RESOURCES = Path.of("src/test/resources");

    @Test
    void theWorkedExampleOfThePackageCommentIsTrue() throws Exception {
        var bytes = ByteBuffer.wrap(exampleBytes());
        assertThat(bytes.limit()).isEqualTo(119);
        assertThat(SegmentFormat.decodeHeader(bytes.duplicate()))
                .hasValue(new SegmentFormat.Header(
                        2,
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

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void filesOfEachVersionAreRead(int version, @TempDir Path directory) throws Exception {
        copyGoldenFiles(version, directory);
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

    private static void copyGoldenFiles(int version, Path directory) throws IOException {
        for (var name : new String[] {SEGMENT, "position"}) {
            Files.copy(golden(version, name), directory.resolve(name));
        }
    }

    private static Path golden(int version, String name) {
        return RESOURCES.resolve("format-" + version).resolve(name + ".golden");
    }

    @Test
    void aSegmentThatIsWrittenNowIsVersion2() throws Exception {
        assertThat(GoldenFiles.segment()).isEqualTo(ByteBuffer.wrap(Files.readAllBytes(golden(2, SEGMENT))));
    }

    /** An earlier program reads it, and ignores the field of the format. */
    @Test
    void thePositionThatIsWrittenNowIsStillVersion1WithTheFormatInAReservedField() throws Exception {
        assertThat(GoldenFiles.position()).isEqualTo(ByteBuffer.wrap(Files.readAllBytes(golden(2, "position"))));
        byte[] withoutFormat = GoldenFiles.position().array().clone();
        withoutFormat[59] = 0;
        byte[] first = Files.readAllBytes(golden(1, "position"));
        assertThat(Arrays.copyOf(withoutFormat, 60)).isEqualTo(Arrays.copyOf(first, 60));
    }

    @Test
    void nothingIsAppendedToASegmentOfVersion1(@TempDir Path directory) throws Exception {
        copyGoldenFiles(1, directory);
        byte[] before = Files.readAllBytes(directory.resolve(SEGMENT));
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(directory))) {
            append(log, "new");
        }
        assertThat(Files.readAllBytes(directory.resolve(SEGMENT))).isEqualTo(before);
        assertThat(version(directory, SEGMENT)).isEqualTo(1);
        assertThat(version(directory, SegmentFormat.fileName(53))).isEqualTo(2);
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(directory));
                var reader = log.reader(0)) {
            assertThat(log.recovery().findings()).isEmpty();
            assertThat(all(reader)).startsWith("alpha").endsWith("new");
        }
    }

    private static void storePosition(Path directory, long committed, long cleanEnd, int format) throws IOException {
        var position = new CommittedPosition(GoldenFiles.ID, 4, committed, cleanEnd, format);
        Files.write(directory.resolve("position"), position.encode().array());
    }

    /** Reads what is uncommitted, commits it, and closes the log. */
    private static List<String> drain(SegmentLog log) throws Exception {
        assertThat(log.recovery().lostEntries()).isZero();
        try (var reader = log.reader(log.committedOffset())) {
            List<String> texts = all(reader);
            append(log, "new");
            log.commit(log.nextOffset());
            log.close();
            return texts;
        }
    }

    /** A program of version 1 leaves a segment of version 2 alone, appends above it, and commits what it appends. */
    @Test
    void aSegmentThatAnEarlierProgramPassedOverIsReadAgain(@TempDir Path directory) throws Exception {
        copyGoldenFiles(2, directory);
        Files.write(
                directory.resolve(SegmentFormat.fileName(1000)),
                segmentOfVersion1(1000, "of the earlier program").array());
        storePosition(directory, 1001, CommittedPosition.OPEN, 1);
        var log = SegmentLog.open(SegmentLogConfig.defaults(directory));
        assertThat(log.recovery().findings())
                .singleElement()
                .satisfies(finding -> assertThat(finding.kind()).isEqualTo(RecoveryReport.Kind.PASSED_OVER));
        assertThat(log.committedOffset()).isEqualTo(42);
        assertThat(drain(log)).startsWith("alpha", "be").endsWith("of the earlier program");
        assertThat(directory.resolve(SEGMENT)).doesNotExist();
        assertThat(directory.resolve("quarantine")).doesNotExist();
        try (var again = SegmentLog.open(SegmentLogConfig.defaults(directory))) {
            assertThat(again.recovery().findings()).isEmpty();
            assertThat(again.committedOffset()).isEqualTo(again.nextOffset());
        }
    }

    /** The program goes on above every offset that the segment could contain, and commits up to there. */
    @Test
    void aSegmentIsReadAgainEvenIfTheEarlierProgramAppendedNothing(@TempDir Path directory) throws Exception {
        copyGoldenFiles(2, directory);
        long bound = 42 + Files.size(directory.resolve(SEGMENT));
        storePosition(directory, bound, bound, 1);
        var log = SegmentLog.open(SegmentLogConfig.defaults(directory));
        assertThat(log.epoch()).isEqualTo(5);
        assertThat(drain(log)).startsWith("alpha", "be").hasSize(5);
    }

    @Test
    void aSegmentThatAnEarlierProgramHasNotPassedYetIsReadAndDeletedAsAnyOther(@TempDir Path directory)
            throws Exception {
        copyGoldenFiles(2, directory);
        Files.write(
                directory.resolve(SegmentFormat.fileName(1000)),
                segmentOfVersion1(1000, "later").array());
        storePosition(directory, 42, CommittedPosition.OPEN, 1);
        assertThat(drain(SegmentLog.open(SegmentLogConfig.defaults(directory))))
                .startsWith("alpha")
                .endsWith("later");
        assertThat(directory.resolve(SEGMENT)).doesNotExist();
        assertThat(directory.resolve("quarantine")).doesNotExist();
    }

    @Test
    void thePositionOfAProgramThatKnowsTheSegmentsIsBelieved(@TempDir Path directory) throws Exception {
        copyGoldenFiles(2, directory);
        Files.write(
                directory.resolve(SegmentFormat.fileName(1000)),
                segmentOfVersion1(1000, "later").array());
        storePosition(directory, 1000, CommittedPosition.OPEN, 2);
        var log = SegmentLog.open(SegmentLogConfig.defaults(directory));
        assertThat(log.recovery().findings()).isEmpty();
        assertThat(drain(log)).containsExactly("later");
    }

    private static ByteBuffer segmentOfVersion1(long firstOffset, String text) {
        var bytes =
                ByteBuffer.allocate(SegmentFormat.HEADER_BYTES + SegmentFormat.FRAME_HEADER_BYTES + 4 + text.length());
        bytes.put(SegmentFormat.encodeHeader(
                new SegmentFormat.Header(1, GoldenFiles.ID, 4, firstOffset, GoldenFiles.CREATED_AT_MILLIS)));
        var payloads = List.of(text.getBytes(UTF_8));
        SegmentFormat.putFrame(
                bytes, new SegmentFormat.FrameFields(LogId.tag(GoldenFiles.ID), 4, firstOffset, 0), payloads, (int)
                        SegmentFormat.bodyBytes(payloads));
        return bytes.flip();
    }

    private static void append(SegmentLog log, String text) throws Exception {
        var appended = (AppendResult.Appended) log.append(List.of(text.getBytes(UTF_8)));
        log.sync(appended.lastOffset()).get(10, TimeUnit.SECONDS);
    }

    private static List<String> all(LogReader reader) throws Exception {
        var texts = new ArrayList<String>();
        for (var read = reader.read(100, 1 << 20); !read.isEmpty(); read = reader.read(100, 1 << 20)) {
            texts.addAll(SegmentLogTest.texts(read));
        }
        return texts;
    }

    private static int version(Path directory, String name) throws IOException {
        return SegmentFormat.decodeHeader(ByteBuffer.wrap(Files.readAllBytes(directory.resolve(name))))
                .orElseThrow()
                .version();
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
