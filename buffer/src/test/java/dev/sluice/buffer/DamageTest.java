package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.buffer.RecoveryReport.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Opening a log whose files do not hold what was written. */
class DamageTest {
    private static final int APPENDS = 12;
    private static final String FIRST = "00000000000000000000.log";

    private final CrashableStorage original = new CrashableStorage();
    private final TreeMap<Long, String> written = new TreeMap<>();
    private final List<String> segments = new ArrayList<>();
    private SegmentLogConfig config = config(4096);

    private static SegmentLogConfig config(long segmentBytes) {
        return SegmentLogConfig.defaults(Path.of("simulated"))
                .withLimits(1000, 4000, 10_000)
                .withSizes(segmentBytes, 1 << 20);
    }

    private SegmentLog open(CrashableStorage storage) throws IOException {
        return SegmentLog.open(config, new Environment(storage, () -> Instant.ofEpochMilli(7), false, 4096, 0));
    }

    /** Builds two segments: 12 appends of 1 to 3 records, the last ones in the second segment. */
    @BeforeEach
    void writeASmallLog() throws IOException {
        try (var log = open(original)) {
            for (int i = 0; i < APPENDS; i++) {
                if (i == 8) {
                    log.queue().requestRoll();
                    log.writeLoop().step();
                }
                int number = i;
                var texts = IntStream.rangeClosed(0, i % 3)
                        .mapToObj(j -> "record " + number + "." + j)
                        .toList();
                var appended = (AppendResult.Appended) log.append(
                        texts.stream().map(text -> text.getBytes(UTF_8)).toList());
                for (int j = 0; j < texts.size(); j++) {
                    written.put(appended.firstOffset() + j, texts.get(j));
                }
                log.writeLoop().step();
            }
        }
        original.list("").stream().filter(name -> name.endsWith(".log")).forEach(segments::add);
        assertThat(segments).hasSize(2);
    }

    /** Opens the damaged log, checks that every entry in it is right, and returns the offsets that are left. */
    private List<Long> survivors(CrashableStorage storage, String what) throws IOException {
        try (var log = open(storage);
                var reader = log.reader(0)) {
            var offsets = new ArrayList<Long>();
            for (var entries = reader.read(100, 10_000); !entries.isEmpty(); entries = reader.read(100, 10_000)) {
                for (var entry : entries) {
                    assertThat(new String(entry.payload(), UTF_8)).as(what).isEqualTo(written.get(entry.offset()));
                    offsets.add(entry.offset());
                }
            }
            assertThat(offsets).as(what).isSorted().doesNotHaveDuplicates();
            if (offsets.size() < written.size()) {
                assertThat(log.recovery().findings()).as(what + " is reported").isNotEmpty();
                assertThat(log.recovery().lostEntries()
                                + log.recovery().cutBytes()
                                + log.recovery().quarantinedBytes())
                        .as(what + " is counted")
                        .isPositive();
            }
            assertThat(log.status().counters().lostEntries())
                    .as(what + ": what opening knows is not counted again by reading")
                    .isEqualTo(log.recovery().lostEntries());
            assertThat(log.append(List.of(new byte[1]))).as(what).isInstanceOf(AppendResult.Appended.class);
            return offsets;
        }
    }

    @Test
    void everyByteFlippedInEveryBitGivesNoWrongPayloadAndATruthfulReport() throws IOException {
        for (var name : segments) {
            var contents = original.contents(name);
            for (int at = 0; at < contents.length; at++) {
                for (int bit = 0; bit < 8; bit++) {
                    var damaged = contents.clone();
                    damaged[at] ^= (byte) (1 << bit);
                    var storage = original.copy();
                    storage.tamper(name, damaged);
                    var what = "bit " + bit + " of byte " + at + " of " + name;
                    var left = survivors(storage, what);
                    if (at < SegmentFormat.HEADER_BYTES) {
                        assertThat(left)
                                .as(what + ": a damaged header costs nothing")
                                .hasSize(written.size());
                    } else {
                        assertThat(left)
                                .as(what + ": one append is lost at most")
                                .hasSizeGreaterThan(written.size() - 4);
                    }
                }
            }
        }
    }

    @Test
    void everyByteOfThePositionFlippedGivesTheWholeLogAndAReport() throws IOException {
        var contents = original.contents(CommittedPosition.FILE);
        for (int at = 0; at < contents.length; at++) {
            var damaged = contents.clone();
            damaged[at] ^= 1;
            var storage = original.copy();
            storage.tamper(CommittedPosition.FILE, damaged);
            assertThat(survivors(storage, "byte " + at)).hasSize(written.size());
            try (var directory = open(storage)) {
                assertThat(directory.epoch()).isGreaterThan(1);
            }
        }
    }

    @Test
    void truncatedAtEveryLengthItKeepsWholeFrames() throws IOException {
        for (var name : segments) {
            var contents = original.contents(name);
            for (int length = 0; length < contents.length; length++) {
                var storage = original.copy();
                storage.tamper(name, Arrays.copyOf(contents, length));
                var what = name + " cut to " + length;
                var left = survivors(storage, what);
                assertThat(left).as(what + ": the other segment is complete").isNotEmpty();
                assertThat(left.size()).as(what).isLessThan(written.size());
            }
        }
    }

    @Test
    void zeroedFromEveryPositionItKeepsWholeFrames() throws IOException {
        for (var name : segments) {
            var contents = original.contents(name);
            for (int from = 0; from < contents.length; from++) {
                var zeroed = contents.clone();
                Arrays.fill(zeroed, from, zeroed.length, (byte) 0);
                var storage = original.copy();
                storage.tamper(name, zeroed);
                survivors(storage, name + " zeroed from " + from);
            }
        }
    }

    private List<Kind> kinds(CrashableStorage storage) throws IOException {
        try (var log = open(storage)) {
            return log.recovery().findings().stream()
                    .map(RecoveryReport.Finding::kind)
                    .toList();
        }
    }

    @Nested
    class WhenFilesAreMissingOrForeign {
        @Test
        void withoutAPositionEverythingRetainedIsUncommitted() throws IOException {
            original.tamper(CommittedPosition.FILE, null);
            try (var log = open(original)) {
                assertThat(log.recovery().findings())
                        .extracting(RecoveryReport.Finding::kind)
                        .containsExactly(Kind.MISSING_POSITION);
                assertThat(log.committedOffset()).isZero();
                assertThat(log.epoch()).isEqualTo(2);
                assertThat(log.nextOffset()).isEqualTo(written.size());
            }
        }

        @Test
        void aPositionAheadOfTheDataRaisesTheNextOffset() throws IOException {
            long ahead = written.size() + 100;
            CommittedPosition stored;
            try (var log = open(original)) {
                stored = new CommittedPosition(log.id(), 1, ahead, CommittedPosition.OPEN);
            }
            original.tamper(CommittedPosition.FILE, stored.encode().array());
            try (var log = open(original);
                    var reader = log.reader(log.committedOffset())) {
                assertThat(log.recovery().findings())
                        .extracting(RecoveryReport.Finding::kind)
                        .containsExactly(Kind.POSITION_AHEAD);
                assertThat(log.nextOffset()).isEqualTo(ahead);
                assertThat(log.epoch()).isEqualTo(2);
                log.append(List.of("after".getBytes(UTF_8)));
                log.writeLoop().step();
                var entries = reader.read(10, 1000);
                assertThat(entries).hasSize(1);
                assertThat(entries.get(0).offset()).isEqualTo(ahead);
                assertThat(entries.get(0).epoch()).isEqualTo(2);
            }
        }

        @Test
        void aMissingSegmentIsReported() throws IOException {
            original.tamper(segments.get(0), null);
            assertThat(kinds(original)).containsExactly(Kind.POSITION_BEHIND);
            original.tamper(segments.get(1), null);
            assertThat(kinds(original)).contains(Kind.MISSING_ENTRIES);
        }

        @Test
        void aFileOfAnotherNameIsLeftAlone() throws IOException {
            original.tamper("notes.txt", new byte[] {1});
            assertThat(kinds(original)).containsExactly(Kind.FOREIGN_FILE);
            assertThat(original.contents("notes.txt")).containsExactly(1);
        }

        @Test
        void aSegmentOfAnotherLogIsMovedToTheQuarantineWhole() throws IOException {
            var other = new CrashableStorage();
            try (var log = open(other)) {
                log.append(List.of("other".getBytes(UTF_8)));
            }
            original.tamper("00000000000000000999.log", other.contents(FIRST));
            assertThat(kinds(original)).containsExactly(Kind.FOREIGN_SEGMENT);
            assertThat(original.contents("quarantine/00000000000000000999.log")).isEqualTo(other.contents(FIRST));
            assertThat(survivors(original, "afterwards")).hasSize(written.size());
        }

        @Test
        void aRenamedSegmentOfThisLogIsMovedToTheQuarantine() throws IOException {
            original.tamper("00000000000000000999.log", original.contents(FIRST));
            assertThat(kinds(original)).containsExactly(Kind.FOREIGN_SEGMENT);
            assertThat(survivors(original, "afterwards")).hasSize(written.size());
        }

        @Test
        void aHalfCreatedSegmentIsDeleted() throws IOException {
            for (var contents :
                    List.of(new byte[0], new byte[64], new byte[5000], Arrays.copyOf(original.contents(FIRST), 30))) {
                var storage = original.copy();
                storage.tamper("00000000000000000999.log", contents);
                assertThat(kinds(storage)).containsExactly(Kind.HALF_CREATED_SEGMENT);
                assertThat(storage.list("")).doesNotContain("00000000000000000999.log");
            }
        }

        @Test
        void aSegmentOfALaterVersionIsLeftAloneAndTheLogGoesOnAboveIt() throws IOException {
            var header = SegmentFormat.decodeHeader(java.nio.ByteBuffer.wrap(original.contents(FIRST)))
                    .orElseThrow();
            var later = SegmentFormat.encodeHeader(new SegmentFormat.Header(
                            SegmentFormat.VERSION + 1, header.id(), 9, 500, header.createdAtMillis()))
                    .array();
            var name = SegmentFormat.fileName(500);
            original.tamper(name, Arrays.copyOf(later, 200));
            try (var log = open(original)) {
                assertThat(log.recovery().findings())
                        .extracting(RecoveryReport.Finding::kind)
                        .contains(Kind.UNKNOWN_VERSION);
                assertThat(log.nextOffset()).isEqualTo(700);
            }
            assertThat(original.contents(name)).hasSize(200);
        }

        @Test
        void withAllHeadersAndThePositionDamagedFramesStillNameTheirLog() throws IOException {
            for (var name : segments) {
                var contents = original.contents(name);
                contents[20] ^= 1;
                original.tamper(name, contents);
            }
            original.tamper(CommittedPosition.FILE, null);
            assertThat(survivors(original, "without headers")).hasSize(written.size());
        }

        @Test
        void anotherSegmentSizeMakesNoDifferenceToExistingData() throws IOException {
            config = config(64 << 10);
            assertThat(survivors(original.copy(), "larger segments")).hasSize(written.size());
            config = config(4096);
            assertThat(survivors(original.copy(), "smaller segments")).hasSize(written.size());
        }
    }

    @Nested
    class WhenDamageIsFoundWhileReading {
        private SegmentLog openUnverified(CrashableStorage storage) throws IOException {
            config = config.withVerifyBytes(0);
            return open(storage);
        }

        @Test
        void itIsCopiedOnceCountedAndSkipped() throws IOException {
            var contents = original.contents(FIRST);
            contents[64 + 45] ^= 1;
            original.tamper(FIRST, contents);
            try (var log = openUnverified(original)) {
                assertThat(log.recovery().findings()).isEmpty();
                for (int pass = 0; pass < 3; pass++) {
                    try (var reader = log.reader(0)) {
                        assertThat(reader.read(100, 10_000)).hasSize(written.size() - 1);
                    }
                    assertThat(log.status().counters().quarantinedRanges()).isEqualTo(1);
                    assertThat(log.status().counters().lostEntries()).isEqualTo(1);
                }
                assertThat(original.list("quarantine")).containsExactly(FIRST + ".64-118");
            }
        }

        @Test
        void aSegmentThatCannotBeReadIsSkippedInTheEndAndKept() throws IOException {
            try (var log = openUnverified(original);
                    var reader = log.reader(0)) {
                original.faults((operation, name) -> operation.equals("read") && name.equals(FIRST)
                        ? CrashableStorage.Fault.FAIL_BEFORE
                        : CrashableStorage.Fault.NONE);
                for (int attempt = 1; attempt <= LogReader.READ_ATTEMPTS; attempt++) {
                    assertThatThrownBy(() -> reader.read(100, 10_000)).isInstanceOf(IOException.class);
                }
                var entries = reader.read(100, 10_000);
                assertThat(SegmentLogTest.texts(entries)).startsWith("record 8.0");
                assertThat(log.status().counters().failedReads()).isEqualTo(LogReader.READ_ATTEMPTS);
                log.commit(log.nextOffset());
                log.keeper().step();
            }
            assertThat(original.list("quarantine")).contains(FIRST);
        }
    }
}
