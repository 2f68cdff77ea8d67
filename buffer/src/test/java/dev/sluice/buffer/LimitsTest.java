package dev.sluice.buffer;

import static dev.sluice.buffer.PositionIntervals.withPositionInterval;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Each bound, from both sides. */
class LimitsTest {
    private static final SegmentLogConfig CONFIG = SegmentLogConfig.defaults(Path.of("simulated"))
            .withLimits(1000, 2000, 5000)
            .withSizes(4096, 40_960);

    @Nested
    class OfTheConfiguration {
        private void refuses(Runnable creation, String key) {
            assertThatIllegalArgumentException().isThrownBy(creation::run).withMessageContaining(key);
        }

        @Test
        void ofASegment() {
            CONFIG.withSizes(4096, 1L << 40);
            CONFIG.withSizes(1 << 30, 1L << 40);
            refuses(
                    () -> CONFIG.withSizes(4095, 1L << 40),
                    "buffer.segment.bytes must be 4096 to 1073741824, was 4095");
            refuses(() -> CONFIG.withSizes((1 << 30) + 1, 1L << 40), "buffer.segment.bytes");
        }

        @Test
        void ofTheWhole() {
            CONFIG.withSizes(4096, 16_384);
            refuses(() -> CONFIG.withSizes(4096, 16_383), "buffer.max.bytes must be at least four times");
            CONFIG.withLimits(1000, 20_480, 30_000);
            refuses(() -> CONFIG.withLimits(1000, 20_481, 30_000), "buffer.max.bytes must be at least twice");
        }

        @Test
        void ofAnAppendAndARecord() {
            CONFIG.withLimits(1020, 1024, 5000);
            refuses(() -> CONFIG.withLimits(1, 1023, 5000), "buffer.max.append.bytes");
            refuses(() -> CONFIG.withLimits(1021, 1024, 5000), "buffer.max.record.bytes must be 1 to 1020");
            refuses(() -> CONFIG.withLimits(0, 1024, 5000), "buffer.max.record.bytes");
            var large = CONFIG.withSizes(1 << 30, 4L << 30);
            large.withLimits(1, 64 << 20, 1 << 30);
            refuses(() -> large.withLimits(1, (64 << 20) + 1, 1 << 30), "buffer.max.append.bytes");
        }

        @Test
        void ofWhatIsPending() {
            CONFIG.withLimits(1000, 2000, 2256);
            refuses(() -> CONFIG.withLimits(1000, 2000, 2255), "buffer.max.pending.bytes");
        }

        @Test
        void ofIntervals() {
            withPositionInterval(CONFIG, Duration.ofMillis(1));
            withPositionInterval(CONFIG, Duration.ofHours(1));
            refuses(() -> withPositionInterval(CONFIG, Duration.ZERO), "buffer.position.interval.ms");
            refuses(
                    () -> withPositionInterval(CONFIG, Duration.ofHours(1).plusMillis(1)),
                    "buffer.position.interval.ms");
            SyncPolicy.interval(Duration.ofMillis(1));
            SyncPolicy.interval(Duration.ofHours(1));
            refuses(() -> SyncPolicy.interval(Duration.ofNanos(999_999)), "buffer.fsync");
            refuses(() -> SyncPolicy.interval(Duration.ofHours(1).plusMillis(1)), "buffer.fsync");
            refuses(() -> CONFIG.withVerifyBytes(-1), "buffer.verify.bytes");
        }

        @Test
        void reportsAllProblemsTogether() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            new SegmentLogConfig(Path.of("x"), 1, 1, SyncPolicy.os(), 0, 1, 0, Duration.ofDays(1), -1))
                    .withMessageContainingAll(
                            "buffer.segment.bytes",
                            "buffer.max.bytes",
                            "buffer.max.append.bytes",
                            "buffer.max.record.bytes",
                            "buffer.max.pending.bytes",
                            "buffer.position.interval.ms",
                            "buffer.verify.bytes");
        }

        @Test
        void policiesAreReadFromTheirTextForms() {
            for (var text : List.of("always", "interval:250", "os")) {
                assertThat(SyncPolicy.parse(text)).hasToString(text);
            }
            assertThat(SyncPolicy.parse(" Interval: 5 ")).isEqualTo(SyncPolicy.interval(Duration.ofMillis(5)));
            for (var text :
                    List.of("", "never", "interval", "interval:", "interval:x", "interval:0", "interval:3600001")) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> SyncPolicy.parse(text))
                        .withMessageContaining("buffer.fsync");
            }
        }
    }

    @Nested
    class OfAnAppend {
        private SegmentLog log;

        @BeforeEach
        void open() throws Exception {
            log = SegmentLog.open(
                    CONFIG, new Environment(new CrashableStorage(), () -> Instant.ofEpochMilli(1), false, 1024, 0));
        }

        @AfterEach
        void close() throws Exception {
            log.close();
        }

        private void accepts(List<byte[]> payloads) {
            assertThat(log.append(payloads)).isInstanceOf(AppendResult.Appended.class);
            log.writeLoop().step();
        }

        private void refuses(List<byte[]> payloads, String message) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> log.append(payloads))
                    .withMessageContaining(message);
        }

        @Test
        void aRecordUpToTheLimitIsAccepted() {
            accepts(List.of(new byte[1000]));
            accepts(List.of(new byte[0]));
            refuses(List.of(new byte[1001]), "buffer.max.record.bytes = 1000 bytes, was 1001");
        }

        @Test
        void anAppendUpToTheLimitIsAccepted() {
            accepts(List.of(new byte[1000], new byte[992]));
            refuses(List.of(new byte[1000], new byte[993]), "buffer.max.append.bytes = 2000 bytes");
        }

        @Test
        void anAppendHasAtLeastOneRecordAndAtMostAMillion() {
            refuses(List.of(), "1 to 1048576 records, was 0");
            refuses(Collections.nCopies(SegmentLogConfig.MAX_RECORDS_PER_APPEND + 1, new byte[0]), "was 1048577");
        }

        @Test
        void whatWaitsInMemoryIsBoundedAndRefusalsAreCountedApart() {
            var one = List.of(new byte[740]); // 744 and 256 count as 1000.
            for (int i = 0; i < 5; i++) {
                assertThat(log.append(one)).isInstanceOf(AppendResult.Appended.class);
            }
            assertThat(log.append(one)).isEqualTo(new AppendResult.Full(5000, 5000));
            assertThat(log.status().counters().refusedPending()).isEqualTo(1);
            assertThat(log.status().counters().refusedFull()).isZero();
            assertThat(log.status().pendingBytes()).isEqualTo(5000);
            log.writeLoop().step();
            assertThat(log.status().pendingBytes()).isZero();
            accepts(one);
        }

        @Test
        void aFullLogRefusesUntilUsageIsBelowTheLowWaterMark() {
            var results = new ArrayList<AppendResult>();
            do {
                results.add(log.append(List.of(new byte[900])));
                log.writeLoop().step();
            } while (results.get(results.size() - 1) instanceof AppendResult.Appended);
            var full = (AppendResult.Full) results.get(results.size() - 1);
            assertThat(full.limitBytes()).isEqualTo(40_960);
            assertThat(full.usedBytes()).isBetween(38_000L, 40_960L);
            assertThat(log.status().full()).isTrue();
            assertThat(log.append(List.of(new byte[1])))
                    .as("even a small append, above the low-water mark")
                    .isInstanceOf(AppendResult.Full.class);
            assertThat(log.status().counters().refusedFull()).isEqualTo(2);
            log.commit(4); // One segment: usage may be below 40,960 bytes and still above 36,864.
            log.keeper().step();
            assertThat(log.status().full()).isEqualTo(log.status().usedBytes() > 36_864);
            log.commit(8);
            log.keeper().step();
            assertThat(log.status().full()).isFalse();
            accepts(List.of(new byte[900]));
        }

        @Test
        void aFullLogWhoseEntriesAreAllCommittedBecomesEmpty() {
            while (log.append(List.of(new byte[900])) instanceof AppendResult.Appended) {
                log.writeLoop().step();
            }
            log.commit(log.nextOffset());
            log.keeper().step();
            log.writeLoop().step();
            log.keeper().step();
            assertThat(log.status().full()).isFalse();
            accepts(List.of(new byte[900]));
        }

        @Test
        void offsetsThatWereNotAssignedAreRefused() {
            accepts(List.of(new byte[1]));
            assertThatIllegalArgumentException().isThrownBy(() -> log.sync(1));
            assertThatIllegalArgumentException().isThrownBy(() -> log.sync(-1));
            assertThatIllegalArgumentException().isThrownBy(() -> log.commit(2));
            assertThatIllegalArgumentException().isThrownBy(() -> log.reader(2));
            assertThatIllegalArgumentException().isThrownBy(() -> log.reader(-1));
            log.commit(1);
            log.reader(1).close();
        }

        @Test
        void aClosedLogRefusesAppends() throws Exception {
            log.close();
            assertThatIllegalStateException()
                    .isThrownBy(() -> log.append(List.of(new byte[1])))
                    .withMessageContaining("closed");
        }
    }

    @Test
    void failedRangesMergeAndAreBounded() {
        var ranges = new OffsetRanges();
        ranges.add(10, 20);
        ranges.add(20, 30);
        ranges.add(5, 10);
        ranges.add(50, 50);
        assertThat(ranges.contains(4)).isFalse();
        assertThat(ranges.contains(5)).isTrue();
        assertThat(ranges.contains(29)).isTrue();
        assertThat(ranges.contains(30)).isFalse();
        assertThat(ranges.contains(50)).isFalse();
        for (long i = 0; i <= OffsetRanges.MAX_RANGES; i++) {
            ranges.add(100 + 2 * i, 101 + 2 * i);
        }
        assertThat(ranges.contains(5)).isFalse();
        assertThat(ranges.contains(102 + 2 * (OffsetRanges.MAX_RANGES - 1L))).isTrue();
    }

    @Test
    void appendTimesAreExactToASecondAndBounded() {
        var times = new AppendTimes();
        for (long i = 0; i < 10L * AppendTimes.MAX_POINTS; i++) {
            times.add(i, i * 1000);
        }
        assertThat(times.millis(0)).hasValue(0);
        times.forgetBelow(1000);
        assertThat(times.millis(199_999)).hasValue(199_999_000L);
    }
}
