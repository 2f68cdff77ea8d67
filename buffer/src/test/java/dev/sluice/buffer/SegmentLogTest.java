package dev.sluice.buffer;

import static dev.sluice.buffer.PositionIntervals.withPositionInterval;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The log through its public API, on a real disk. */
class SegmentLogTest {
    @TempDir
    Path directory;

    private SegmentLogConfig config() {
        return SegmentLogConfig.defaults(directory.resolve("log"));
    }

    static List<byte[]> payloads(int from, int count) {
        return IntStream.range(from, from + count)
                .mapToObj(i -> ("record " + i).getBytes(UTF_8))
                .toList();
    }

    static List<String> texts(List<Entry> entries) {
        return entries.stream().map(entry -> new String(entry.payload(), UTF_8)).toList();
    }

    @Test
    void returnsWhatWasAppendedInOrder() throws Exception {
        try (var log = SegmentLog.open(config());
                var reader = log.reader(0)) {
            var appended = (AppendResult.Appended) log.append(payloads(0, 3));
            assertThat(appended.firstOffset()).isZero();
            assertThat(appended.lastOffset()).isEqualTo(2);
            log.append(payloads(3, 1));
            log.sync(3).get(10, TimeUnit.SECONDS);
            assertThat(reader.await(Duration.ofSeconds(10))).isTrue();
            var entries = reader.read(100, 1 << 20);
            assertThat(texts(entries)).containsExactly("record 0", "record 1", "record 2", "record 3");
            assertThat(entries).extracting(Entry::offset).containsExactly(0L, 1L, 2L, 3L);
            assertThat(reader.position()).isEqualTo(4);
        }
    }

    @Test
    void keepsEverythingAcrossACleanCloseWithinTheSameEpoch() throws Exception {
        try (var log = SegmentLog.open(config())) {
            log.append(payloads(0, 10));
            log.commit(4);
        }
        try (var log = SegmentLog.open(config());
                var reader = log.reader(log.committedOffset())) {
            assertThat(log.recovery().cleanClose()).isTrue();
            assertThat(log.recovery().findings()).isEmpty();
            assertThat(log.epoch()).isEqualTo(1);
            assertThat(log.nextOffset()).isEqualTo(10);
            assertThat(texts(reader.read(100, 1 << 20)))
                    .startsWith("record 4")
                    .endsWith("record 9")
                    .hasSize(6);
            log.append(payloads(10, 1));
            log.sync(10).get(10, TimeUnit.SECONDS);
            assertThat(texts(reader.read(100, 1 << 20))).containsExactly("record 10");
        }
    }

    @Test
    void rollsAndDeletesSegmentsThatAreCommitted() throws Exception {
        var small = withPositionInterval(
                config().withLimits(1000, 1024, 1 << 20).withSizes(4096, 1 << 20), Duration.ofMillis(1));
        try (var log = SegmentLog.open(small);
                var reader = log.reader(0)) {
            for (int i = 0; i < 1000; i++) {
                log.append(payloads(i, 1));
            }
            log.sync(999).get(10, TimeUnit.SECONDS);
            int segments = log.status().segments();
            assertThat(segments).isGreaterThan(5);
            var read = new ArrayList<Entry>();
            while (read.size() < 1000) {
                read.addAll(reader.read(7, 1 << 20));
            }
            assertThat(read).extracting(Entry::offset).isSorted().doesNotHaveDuplicates();
            log.commit(1000);
            var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (log.status().segments() > 1 && System.nanoTime() < deadline) {
                Thread.onSpinWait();
            }
            assertThat(log.status().segments()).isEqualTo(1);
            assertThat(log.status().uncommittedEntries()).isZero();
        }
    }

    @Test
    void manyProducersLoseNothingAndKeepTheirOrder() throws Exception {
        int producers = 8;
        int each = 2000;
        var config = config().withLimits(1000, 4000, 1 << 20).withSizes(64 << 10, 64 << 20);
        try (var log = SegmentLog.open(config);
                var reader = log.reader(0)) {
            var threads = IntStream.range(0, producers)
                    .mapToObj(producer -> new Thread(() -> {
                        for (int i = 0; i < each; ) {
                            var two = List.of(
                                    (producer + ":" + i).getBytes(UTF_8), (producer + ":" + (i + 1)).getBytes(UTF_8));
                            if (log.append(two) instanceof AppendResult.Appended appended) {
                                i += 2;
                                if (i % 100 == 0) {
                                    log.sync(appended.lastOffset()).join();
                                }
                            }
                        }
                    }))
                    .toList();
            threads.forEach(Thread::start);
            var next = new int[producers];
            long expected = 0;
            while (expected < (long) producers * each) {
                assertThat(reader.await(Duration.ofSeconds(10))).isTrue();
                for (var entry : reader.read(500, 1 << 20)) {
                    assertThat(entry.offset()).isEqualTo(expected++);
                    var parts = new String(entry.payload(), UTF_8).split(":", 2);
                    assertThat(Integer.parseInt(parts[1])).isEqualTo(next[Integer.parseInt(parts[0])]++);
                }
                log.commit(reader.position());
            }
            for (var thread : threads) {
                thread.join();
            }
            assertThat(next).containsOnly(each);
            assertThat(log.status().counters().syncs())
                    .isLessThan((long) producers * each / 100
                            + log.status().counters().segmentsCreated());
        }
    }

    @Test
    void anAppendLargerThanTheBufferAndTheSegmentIsWrittenAndReadWhole() throws Exception {
        var random = new Random(3);
        var large = IntStream.range(0, 5)
                .mapToObj(i -> {
                    var bytes = new byte[700_000 * i + 13];
                    random.nextBytes(bytes);
                    return bytes;
                })
                .toList();
        var config = config().withSizes(1 << 20, 256 << 20);
        try (var log = SegmentLog.open(config)) {
            log.append(payloads(0, 1));
            log.append(large);
            log.append(payloads(1, 1));
        }
        try (var log = SegmentLog.open(config);
                var reader = log.reader(1)) {
            assertThat(log.recovery().findings()).isEmpty();
            var entries = reader.read(5, Long.MAX_VALUE);
            assertThat(entries).extracting(Entry::payload).containsExactlyElementsOf(large);
            assertThat(texts(reader.read(5, 1))).containsExactly("record 1");
        }
    }

    @Test
    void readsBoundedBatchesAndGoesBackAndForth() throws Exception {
        try (var log = SegmentLog.open(config());
                var reader = log.reader(0)) {
            log.append(payloads(0, 10));
            log.append(payloads(10, 10));
            log.sync(19).get(10, TimeUnit.SECONDS);
            assertThat(reader.read(3, 1 << 20)).hasSize(3);
            assertThat(reader.read(100, 17)).as("8 bytes each").hasSize(2);
            assertThat(reader.read(100, 0)).as("always at least one").hasSize(1);
            reader.seek(15);
            assertThat(texts(reader.read(2, 1 << 20))).containsExactly("record 15", "record 16");
            reader.seek(1);
            assertThat(texts(reader.read(2, 1 << 20))).containsExactly("record 1", "record 2");
            reader.seek(20);
            assertThat(reader.read(2, 1 << 20)).isEmpty();
            assertThat(reader.await(Duration.ofMillis(1))).isFalse();
        }
    }

    @Test
    void oneReadGivesEntriesOfOneEpoch() throws Exception {
        var crashed = new CrashableStorage();
        var simulated = new Environment(crashed, InstantSource.system(), false, 4096, 0);
        for (int life = 0; life < 3; life++) {
            var log = SegmentLog.open(config(), simulated);
            log.append(payloads(life * 2, 2));
            log.writeLoop().step();
            crashed.kill();
        }
        try (var log = SegmentLog.open(config(), simulated);
                var reader = log.reader(0)) {
            for (int life = 0; life < 3; life++) {
                assertThat(reader.read(100, 1 << 20)).extracting(Entry::epoch).containsExactly(life + 1L, life + 1L);
            }
        }
    }

    @Test
    void anInterruptedReaderHarmsNobody() throws Exception {
        try (var log = SegmentLog.open(config());
                var reader = log.reader(0)) {
            log.append(payloads(0, 2));
            log.sync(1).get(10, TimeUnit.SECONDS);
            Thread.currentThread().interrupt();
            try {
                reader.read(1, 1);
            } catch (IOException closedByInterrupt) {
                assertThat(closedByInterrupt).isInstanceOf(ClosedByInterruptException.class);
            }
            assertThat(Thread.interrupted()).isTrue();
            reader.seek(0);
            assertThat(reader.read(10, 1 << 20)).hasSize(2);
            log.append(payloads(2, 1));
            log.sync(2).get(10, TimeUnit.SECONDS);
            assertThat(reader.read(10, 1 << 20)).hasSize(1);
            assertThat(log.status().counters().failedReads()).isZero();
        }
    }

    @Test
    void aReaderWaitsForAsManyEntriesAsItWants() throws Exception {
        try (var log = SegmentLog.open(config());
                var reader = log.reader(0)) {
            log.append(payloads(0, 2));
            log.sync(1).get(10, TimeUnit.SECONDS);
            assertThat(reader.await(2, Duration.ZERO)).isTrue();
            assertThat(reader.await(3, Duration.ofMillis(1))).isFalse();
            var result = CompletableFuture.supplyAsync(() -> {
                try {
                    return reader.await(4, Duration.ofMinutes(1)) ? log.nextOffset() : -1;
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            log.append(payloads(2, 1));
            log.sync(2).get(10, TimeUnit.SECONDS);
            assertThat(result).isNotDone();
            log.append(payloads(3, 1));
            assertThat(result.get(10, TimeUnit.SECONDS)).isEqualTo(4);
            assertThat(texts(reader.read(10, 1 << 20))).hasSize(4);
        }
    }

    @Test
    void readersThatWantDifferentNumbersOfEntriesAreWokenEach() throws Exception {
        try (var log = SegmentLog.open(config());
                var one = log.reader(0);
                var two = log.reader(0)) {
            var waits = new ArrayList<CompletableFuture<Boolean>>();
            for (int entries = 1; entries <= 2; entries++) {
                int wanted = entries;
                var reader = entries == 1 ? one : two;
                waits.add(CompletableFuture.supplyAsync(() -> {
                    try {
                        return reader.await(wanted, Duration.ofMinutes(1));
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                }));
            }
            log.append(payloads(0, 1));
            assertThat(waits.get(0).get(10, TimeUnit.SECONDS)).isTrue();
            log.append(payloads(1, 1));
            assertThat(waits.get(1).get(10, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void closingWakesAReaderThatWaits() throws Exception {
        var log = SegmentLog.open(config());
        var reader = log.reader(0);
        var result = CompletableFuture.supplyAsync(() -> {
            try {
                return reader.await(Duration.ofMinutes(1));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        log.close();
        assertThat(result.get(10, TimeUnit.SECONDS)).isFalse();
        reader.close();
    }

    @Test
    void anIntervalPolicySyncsByItself() throws Exception {
        try (var log = SegmentLog.open(config().withSync(SyncPolicy.interval(Duration.ofMillis(5))))) {
            log.append(payloads(0, 1));
            var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (log.status().durableOffset() < 1 && System.nanoTime() < deadline) {
                Thread.onSpinWait();
            }
            assertThat(log.status().durableOffset()).isEqualTo(1);
            assertThat(log.status().counters().syncs()).isEqualTo(1);
        }
    }

    @Test
    void tellsTheAgeOfTheOldestUncommittedEntry() throws Exception {
        var now = new AtomicLong(1_000_000);
        var environment =
                new Environment(new CrashableStorage(), () -> Instant.ofEpochMilli(now.get()), false, 4096, 0);
        try (var log = SegmentLog.open(config(), environment)) {
            assertThat(log.status().oldestUncommittedAge()).isEmpty();
            for (int i = 0; i < 3; i++) {
                log.append(payloads(i, 1));
                log.writeLoop().step();
                now.addAndGet(5_000);
            }
            assertThat(log.status().oldestUncommittedAge()).hasValue(Duration.ofSeconds(15));
            log.commit(1);
            assertThat(log.status().oldestUncommittedAge()).hasValue(Duration.ofSeconds(10));
            log.commit(3);
            assertThat(log.status().oldestUncommittedAge()).isEmpty();
        }
    }
}
