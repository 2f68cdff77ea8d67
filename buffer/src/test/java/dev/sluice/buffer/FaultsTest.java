package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Group commit, and the effect of a failing disk on callers that wait. The tests run the steps of the log. */
class FaultsTest {
    private final CrashableStorage storage = new CrashableStorage();
    private final SegmentLogConfig config = SegmentLogConfig.defaults(Path.of("simulated"))
            .withLimits(3000, 6000, 1 << 20)
            .withSizes(16_384, 1 << 20);
    private SegmentLog log;

    private long now = 1;

    @BeforeEach
    void open() throws IOException {
        log = SegmentLog.open(config, new Environment(storage, () -> Instant.ofEpochMilli(now), false, 4096, 256));
    }

    private AppendResult.Appended append(String text) {
        return (AppendResult.Appended) log.append(List.of(text.getBytes(UTF_8)));
    }

    /** Makes the next step sync. */
    private void ask(long offset) {
        assertThat(log.sync(offset)).isNotNull();
    }

    private List<String> contents() throws IOException {
        var texts = new ArrayList<String>();
        try (var reader = log.reader(0)) {
            for (var entries = reader.read(100, 1 << 20); !entries.isEmpty(); entries = reader.read(100, 1 << 20)) {
                texts.addAll(SegmentLogTest.texts(entries));
            }
        }
        return texts;
    }

    private void failing(String operation, String name, CrashableStorage.Fault fault) {
        storage.faults(
                (what, file) -> what.equals(operation) && file.startsWith(name) ? fault : CrashableStorage.Fault.NONE);
    }

    private void healthy() {
        storage.faults((operation, name) -> CrashableStorage.Fault.NONE);
    }

    private long operations(String kind) {
        return storage.operations().stream()
                .filter(operation -> operation.startsWith(kind + " 0"))
                .count();
    }

    @Nested
    class GroupCommit {
        @Test
        void manyAppendsShareOneWriteAndOneSync() {
            var durable = new ArrayList<CompletableFuture<Void>>();
            append("begin");
            log.writeLoop().step();
            long writes = operations("write");
            long forces = operations("force");
            for (int i = 0; i < 50; i++) {
                durable.add(log.sync(append("record " + i).lastOffset()));
            }
            assertThat(durable).noneMatch(CompletableFuture::isDone);
            log.writeLoop().step();
            assertThat(durable).allMatch(future -> future.isDone() && !future.isCompletedExceptionally());
            assertThat(operations("write") - writes).isEqualTo(1);
            assertThat(operations("force") - forces).isEqualTo(1);
            assertThat(log.status().counters().syncs()).isEqualTo(1);
        }

        @Test
        void withoutAWaitingCallerThereIsNoSync() {
            var appended = append("one");
            log.writeLoop().step();
            assertThat(appended.written()).isCompleted();
            assertThat(log.status().counters().syncs()).isZero();
            assertThat(log.status().durableOffset()).isZero();
        }

        @Test
        void aDurableAppendIsNotSyncedAgain() {
            var offset = append("one").lastOffset();
            ask(offset);
            log.writeLoop().step();
            assertThat(log.sync(offset)).isCompleted();
            log.writeLoop().step();
            assertThat(log.status().counters().syncs()).isEqualTo(1);
        }

        @Test
        void withARelaxedPolicySyncCompletesWhenWritten() throws IOException {
            log.close();
            for (var policy : List.of(SyncPolicy.os(), SyncPolicy.interval(java.time.Duration.ofHours(1)))) {
                log = SegmentLog.open(
                        config.withSync(policy),
                        new Environment(storage, () -> Instant.ofEpochMilli(1), false, 4096, 256));
                var future = log.sync(append("relaxed").lastOffset());
                assertThat(future).isNotDone();
                log.writeLoop().step();
                assertThat(future).isCompleted();
                assertThat(log.status().counters().syncs()).isZero();
                log.close();
            }
        }
    }

    @Nested
    class WhenAWriteFails {
        @Test
        void theAppendsFailTheirOffsetsAreNotUsedAgainAndTheLogGoesOn() throws IOException {
            append("before");
            log.writeLoop().step();
            failing("write", "0", CrashableStorage.Fault.FAIL_MIDWAY);
            var lost = append("lost");
            var waiting = log.sync(lost.lastOffset());
            log.writeLoop().step();
            assertThat(lost.written()).isCompletedExceptionally();
            assertThat(waiting).isCompletedExceptionally();
            assertThat(log.status().failure())
                    .hasValueSatisfying(text -> assertThat(text).contains("write failed"));
            assertThat(log.status().appendsFail(Duration.ofMinutes(1))).isTrue();
            assertThat(log.status().appendsFail(Duration.ofNanos(1)))
                    .as("worth another try")
                    .isFalse();
            healthy();
            var after = append("after");
            assertThat(after.firstOffset()).isEqualTo(lost.lastOffset() + 1);
            log.writeLoop().step();
            assertThat(after.written()).isCompleted();
            assertThat(log.status().failure()).isEmpty();
            assertThat(log.sync(lost.lastOffset()))
                    .as("asking later gives the same answer")
                    .isCompletedExceptionally();
            assertThat(contents()).containsExactly("before", "after");
            assertThat(log.status().counters().failedAppends()).isEqualTo(1);
            log.close();
            open();
            assertThat(log.recovery().findings()).isEmpty();
            assertThat(contents()).containsExactly("before", "after");
        }

        @Test
        void andTheFileCannotBeTruncatedTheLogGoesOnInAnotherSegment() throws IOException {
            append("before");
            log.writeLoop().step();
            storage.faults((operation, name) ->
                    operation.equals("truncate") || (operation.equals("write") && name.startsWith("0"))
                            ? CrashableStorage.Fault.FAIL_AFTER
                            : CrashableStorage.Fault.NONE);
            var lost = append("lost");
            log.writeLoop().step();
            healthy();
            append("after");
            log.writeLoop().step();
            assertThat(lost.written()).isCompletedExceptionally();
            assertThat(contents()).containsExactly("before", "after");
            assertThat(log.status().segments()).isEqualTo(2);
            storage.kill();
            open();
            assertThat(contents()).as("after a crash as well").containsExactly("before", "after");
            assertThat(log.recovery().lostEntries()).isZero();
        }
    }

    @Nested
    class WhenASyncFails {
        @Test
        void waitingCallersAreToldAndTheFileIsNotTrustedAgain() throws IOException {
            failing("force", "0", CrashableStorage.Fault.NONE);
            append("before");
            ask(0);
            log.writeLoop().step();
            failing("force", "0", CrashableStorage.Fault.FAIL_BEFORE);
            var doubtful = append("doubtful");
            var waiting = log.sync(doubtful.lastOffset());
            log.writeLoop().step();
            assertThat(waiting).isCompletedExceptionally();
            healthy();
            var after = append("after");
            var durable = log.sync(after.lastOffset());
            log.writeLoop().step();
            assertThat(durable).isCompleted();
            assertThat(log.sync(doubtful.lastOffset())).isCompletedExceptionally();
            assertThat(log.sync(0)).isCompleted();
            assertThat(log.status().segments()).isEqualTo(2);
            assertThat(contents()).containsExactly("before", "doubtful", "after");
            for (int fate = 0; fate < 20; fate++) {
                var copy = storage;
                copy.powerCut(new Random(fate));
                open();
                assertThat(contents()).contains("before", "after");
            }
        }
    }

    /** The log counts exactly the entries that it holds, whatever it refused. */
    @Nested
    class Counted {
        private void assertHolds(long entries, long ageMillis) {
            assertThat(log.status().uncommittedEntries()).isEqualTo(entries);
            assertThat(log.status().pendingBytes()).isZero();
            if (entries == 0) {
                assertThat(log.status().oldestUncommittedAge()).isEmpty();
                assertThat(log.isEmptyFrom(log.committedOffset())).isTrue();
            } else {
                assertThat(log.status().oldestUncommittedAge()).contains(Duration.ofMillis(ageMillis));
                assertThat(log.isEmptyFrom(log.committedOffset())).isFalse();
            }
        }

        private void refuse(int appends) {
            for (int i = 0; i < appends; i++) {
                append("refused");
                log.writeLoop().step();
            }
        }

        @Test
        void afterAFullDiskNothingIsPendingAndNothingAges() throws IOException {
            append("before");
            log.writeLoop().step();
            log.commit(1);
            storage.capacityBytes(1);
            refuse(3);
            now = 60_000;
            assertHolds(0, 0);
            storage.capacityBytes(Long.MAX_VALUE);
            assertHolds(0, 0);
            append("after");
            log.writeLoop().step();
            now = 61_000;
            assertHolds(1, 1_000);
            log.close();
            open();
            assertHolds(1, 1_000);
            log.commit(log.nextOffset());
            assertHolds(0, 0);
        }

        @Test
        void refusedAppendsBetweenOthersAreNeverCounted() throws IOException {
            for (int i = 0; i < 3; i++) {
                now += 10_000;
                append("taken");
                log.writeLoop().step();
                storage.capacityBytes(1);
                refuse(2);
                storage.capacityBytes(Long.MAX_VALUE);
            }
            assertHolds(3, 20_000);
            log.commit(1);
            assertHolds(2, 10_000);
            log.commit(2); // In the middle of the refused appends.
            log.keeper().step();
            assertHolds(2, 10_000);
            log.commit(4);
            assertHolds(1, 0);
            storage.kill();
            open();
            assertHolds(2, 10_000);
        }

        @Test
        void anUnwrittenAppendHasItsOwnAge() {
            append("before");
            log.writeLoop().step();
            log.commit(1);
            now = 3_600_000;
            append("on its way");
            now += 5;
            assertThat(log.status().uncommittedEntries()).isEqualTo(1);
            assertThat(log.status().oldestUncommittedAge()).contains(Duration.ofMillis(5));
            log.writeLoop().step();
            assertHolds(1, 5);
        }

        @Test
        void anAppendThatCouldNotBeSyncedCountsIfItIsReadable() throws IOException {
            failing("force", "0", CrashableStorage.Fault.FAIL_AFTER);
            append("doubtful");
            ask(0);
            log.writeLoop().step();
            healthy();
            assertThat(contents()).hasSizeLessThanOrEqualTo(1);
            assertThat(log.status().uncommittedEntries()).isEqualTo(contents().size());
        }

        @Test
        void afterAnInternalErrorNothingWaitsInMemory() {
            append("first");
            append("second");
            storage.crashAtStep(storage.operations().size());
            log.writeLoop().run();
            assertHolds(0, 0);
        }

        @Test
        void aFullLogHoldsWhatItHeldBefore() {
            long taken = 0;
            while (log.append(List.of(new byte[2_900])) instanceof AppendResult.Appended) {
                log.writeLoop().step();
                taken++;
            }
            assertThat(log.status().full()).isTrue();
            assertHolds(taken, 0);
            assertThatThrownBy(() -> log.append(List.of(new byte[3_001]))).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> log.requireFits(List.of(new byte[3_001])))
                    .isInstanceOf(IllegalArgumentException.class);
            assertHolds(taken, 0);
        }
    }

    @Nested
    class WhenTheDiskIsFull {
        @Test
        void appendsFailWithTheReasonAndGoOnWhenThereIsSpaceAgain() throws IOException {
            append("before");
            ask(0);
            log.writeLoop().step();
            storage.capacityBytes(1);
            for (int i = 0; i < 3; i++) {
                var refused = append("refused");
                log.writeLoop().step();
                assertThat(refused.written()).isCompletedExceptionally();
                assertThatThrownBy(() -> refused.written().get()).hasCauseInstanceOf(DiskFullException.class);
            }
            storage.capacityBytes(Long.MAX_VALUE);
            append("after");
            ask(log.nextOffset() - 1);
            log.writeLoop().step();
            storage.powerCut(new Random(1));
            open();
            assertThat(contents()).containsExactly("before", "after");
        }

        @Test
        void theReserveLetsThePositionMoveAndSpaceBeFreed() throws IOException {
            for (int i = 0; i < 40; i++) {
                append("x".repeat(900));
                log.writeLoop().step();
            }
            assertThat(log.status().segments()).isGreaterThan(2);
            fillUp();
            log.commit(30);
            log.keeper().step();
            assertThat(log.status().failure()).isEmpty();
            assertThat(log.status().counters().segmentsDeleted()).isPositive();
            storage.powerCut(new Random(1));
            open();
            assertThat(log.committedOffset()).isEqualTo(30);
        }
    }

    @Test
    void aFullDiskDoesNotKeepTheLogFromOpeningWhileThereIsAReserve() throws IOException {
        append("one");
        log.writeLoop().step();
        storage.kill();
        fillUp();
        open();
        assertThat(contents()).containsExactly("one");
        storage.kill();
        storage.tamper(Reserve.FILE, null);
        fillUp();
        assertThatThrownBy(this::open).isInstanceOf(DiskFullException.class);
    }

    /** Leaves no free byte on the disk. */
    private void fillUp() throws IOException {
        storage.capacityBytes(storage.list("").stream()
                .filter(name -> !name.endsWith("/"))
                .mapToLong(name -> storage.contents(name).length)
                .sum());
    }

    @Test
    void anInternalErrorLeavesNoCallerWaiting() {
        var first = append("first");
        var durable = log.sync(first.lastOffset());
        storage.crashAtStep(storage.operations().size()); // Throws an exception that no storage may throw.
        log.writeLoop().run();
        assertThat(first.written()).isCompletedExceptionally();
        assertThat(durable).isCompletedExceptionally();
        assertThat(log.status().failure())
                .hasValueSatisfying(text -> assertThat(text).contains("internal error"));
        assertThat(log.status().appendsFail(Duration.ofNanos(1))).as("for good").isTrue();
        assertThatThrownBy(() -> append("second")).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aFailedCloseThrowsAndTheNextOpeningRaisesTheEpoch() throws IOException {
        append("one");
        log.writeLoop().step();
        failing("force", "0", CrashableStorage.Fault.FAIL_BEFORE);
        assertThatThrownBy(log::close).isInstanceOf(IOException.class).hasMessageContaining("sync failed");
        healthy();
        open();
        assertThat(log.epoch()).isEqualTo(2);
        assertThat(log.recovery().cleanClose()).isFalse();
        assertThat(contents()).containsExactly("one");
    }
}
