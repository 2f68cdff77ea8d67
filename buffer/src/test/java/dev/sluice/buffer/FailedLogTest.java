package dev.sluice.buffer;

import static dev.sluice.buffer.PositionIntervals.withPositionInterval;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FailedLogTest {
    private static final Instant WHEN = Instant.parse("2026-01-02T03:04:05.678Z");

    @TempDir
    Path directory;

    private static FailedRecord record(int number) {
        return FailedRecord.of(
                WHEN.plusSeconds(number),
                "invalid \u00e4 " + number,
                "lane 0, offset " + number,
                ("payload " + number).getBytes(UTF_8));
    }

    private static List<FailedRecord> records(int from, int to) {
        var records = new ArrayList<FailedRecord>();
        for (int i = from; i < to; i++) {
            records.add(record(i));
        }
        return records;
    }

    @Test
    void keepsEverythingAboutARecordAcrossRestarts() throws Exception {
        try (var failed = FailedLog.open(directory)) {
            failed.append(records(0, 3));
        }
        try (var failed = FailedLog.open(directory)) {
            assertThat(failed.count()).isEqualTo(3);
            var second = failed.list(-1, 10).get(1);
            assertThat(second.reason()).isEqualTo("invalid \u00e4 1");
            assertThat(second.origin()).isEqualTo("lane 0, offset 1");
            assertThat(second.failedAt()).isEqualTo(WHEN.plusSeconds(1));
            assertThat(second.payload()).isEqualTo("payload 1".getBytes(UTF_8));
            assertThat(failed.get(second.id()))
                    .hasValueSatisfying(same -> assertThat(same.reason()).isEqualTo(second.reason()));
            assertThat(failed.get(99)).isEmpty();
        }
    }

    @Test
    void canBeReadByOthersMeanwhile() throws Exception {
        try (var failed = FailedLog.open(directory)) {
            failed.append(records(0, 5));
            failed.remove(List.of(1L, 4L));
            var reasons = new ArrayList<String>();
            assertThat(FailedLog.visit(directory, each -> reasons.add(each.id() + " " + each.reason())))
                    .isEqualTo(3);
            assertThat(reasons).containsExactly("0 invalid \u00e4 0", "2 invalid \u00e4 2", "3 invalid \u00e4 3");
            assertThat(failed.count()).isEqualTo(3);
        }
    }

    @Test
    void listsInPages() throws Exception {
        try (var failed = FailedLog.open(directory)) {
            failed.append(records(0, 25));
            var seen = new ArrayList<String>();
            long after = -1;
            for (var page = failed.list(after, 10); !page.isEmpty(); page = failed.list(after, 10)) {
                assertThat(page).hasSizeLessThanOrEqualTo(10);
                page.forEach(record -> seen.add(new String(record.payload(), UTF_8)));
                after = page.get(page.size() - 1).id();
            }
            assertThat(seen)
                    .hasSize(25)
                    .doesNotHaveDuplicates()
                    .startsWith("payload 0")
                    .endsWith("payload 24");
        }
    }

    @Test
    void removalsSurviveARestartAndUnknownIdsAreIgnored() throws Exception {
        try (var failed = FailedLog.open(directory)) {
            failed.append(records(0, 5));
            assertThat(failed.remove(List.of(1L, 3L, 3L, 77L))).isEqualTo(2);
            assertThat(failed.remove(List.of(1L))).isZero();
        }
        try (var failed = FailedLog.open(directory)) {
            assertThat(failed.list(-1, 10)).extracting(FailedRecord::id).containsExactly(0L, 2L, 4L);
            failed.remove(List.of(0L, 2L, 4L));
            assertThat(failed.count()).isZero();
            assertThat(failed.list(-1, 10)).isEmpty();
        }
    }

    @Test
    void refusesRecordsAboveItsBoundsAndReclaimsTheSpaceOfRemovedOnes() throws Exception {
        var config = withPositionInterval(
                SegmentLogConfig.defaults(directory)
                        .withLimits(4000, 8000, 1 << 20)
                        .withSizes(8192, 128 << 10),
                Duration.ofMillis(1));
        var environment = Environment.of(DiskStorage.create(directory));
        try (var failed = FailedLog.open(config, environment, 32 << 10, 10_000)) {
            var ids = new TreeSet<Long>();
            int number = 0;
            while (failed.append(List.of(record(number))) instanceof AppendResult.Appended appended) {
                ids.add(appended.firstOffset());
                number++;
            }
            assertThat(number).isGreaterThan(200);
            assertThat(failed.hasRoom()).isFalse();
            long oldest = ids.first();
            ids.remove(oldest);
            failed.remove(ids);
            assertThat(failed.count()).isEqualTo(1);
            assertThat(failed.hasRoom()).isTrue();
            var deadline = System.nanoTime() + 10_000_000_000L;
            var result = failed.append(List.of(record(number)));
            while (result instanceof AppendResult.Full && System.nanoTime() < deadline) {
                Thread.sleep(5); // The log deletes files after it has stored the position.
                result = failed.append(List.of(record(number)));
            }
            assertThat(result).isInstanceOf(AppendResult.Appended.class);
            assertThat(failed.list(-1, 10))
                    .extracting(FailedRecord::id)
                    .startsWith(oldest)
                    .hasSize(2);
        }
        try (var failed = FailedLog.open(config, environment, 32 << 10, 10_000)) {
            assertThat(failed.list(-1, 10)).hasSize(2).first().satisfies(record -> {
                assertThat(record.id()).isZero();
                assertThat(new String(record.payload(), UTF_8)).isEqualTo("payload 0");
            });
        }
    }

    @Test
    void boundsTheNumberOfRecords() throws Exception {
        var environment = Environment.of(DiskStorage.create(directory));
        try (var failed = FailedLog.open(SegmentLogConfig.defaults(directory), environment, 1 << 20, 3)) {
            assertThat(failed.append(records(0, 3))).isInstanceOf(AppendResult.Appended.class);
            assertThat(failed.hasRoom()).isFalse();
            assertThat(failed.append(records(3, 4))).isInstanceOf(AppendResult.Full.class);
            failed.remove(List.of(0L));
            assertThat(failed.hasRoom()).isTrue();
            assertThat(failed.append(records(3, 4))).isInstanceOf(AppendResult.Appended.class);
        }
    }

    @Test
    void cutsLongReasons() throws Exception {
        try (var failed = FailedLog.open(directory)) {
            failed.append(List.of(FailedRecord.of(WHEN, "r".repeat(5000), "o".repeat(5000), new byte[0])));
            var record = failed.list(-1, 1).get(0);
            assertThat(record.reason()).hasSize(FailedRecord.MAX_TEXT_BYTES);
            assertThat(record.origin()).hasSize(FailedRecord.MAX_TEXT_BYTES);
        }
    }
}
