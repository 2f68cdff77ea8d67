package dev.sluice.bridge.drain;

import static dev.sluice.bridge.ingest.Durability.BUFFERED;
import static dev.sluice.bridge.ingest.Durability.STORED;
import static dev.sluice.bridge.ingest.IngestFixture.copy;
import static dev.sluice.bridge.ingest.IngestFixture.get;
import static dev.sluice.bridge.ingest.IngestFixture.ids;
import static dev.sluice.bridge.ingest.IngestFixture.message;
import static dev.sluice.bridge.ingest.IngestFixture.messages;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.drain.DrainStatus.State;
import dev.sluice.bridge.ingest.FakeDatabase;
import dev.sluice.bridge.ingest.IngestFixture;
import dev.sluice.bridge.ingest.IngestFixture.Setup;
import dev.sluice.bridge.ingest.Linger;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.buffer.AppendResult;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DrainTest {
    @TempDir
    private Path directory;

    private final FakeDatabase database = new FakeDatabase();

    @Nested
    class DrivesATaskByTheContractOfConnect {
        @Test
        void startOpenCloseStop() {
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(STORED, message("t-1"));
                ingest.pushed(STORED, message("t-2"));
            }
            assertThat(database.calls).containsExactly("start", "open 1", "close 1", "stop");
        }

        @Test
        void movesPatientMessagesOnTogetherWhenSomethingComesBehindThem() {
            var linger = new Linger(Linger.LONGEST, 100);
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(STORED, messages("p", 0, 1));
                for (int i = 1; i < 4; i++) {
                    assertThat(ingest.pushed(linger, messages("p", i, i + 1)))
                            .hasOnlyElementsOfType(PushResult.Buffered.class);
                }
                assertThat(ingest.pushed(STORED, messages("p", 4, 5))).hasOnlyElementsOfType(PushResult.Queued.class);
                assertThat(database.stored()).isEqualTo(ids("p", 0, 5));
                // The first, the lingering messages, and the last, alone or with them.
                assertThat(ingest.drain.status().lanes().get(0).batches()).isBetween(2L, 3L);
            }
        }

        @Test
        void movesPatientMessagesOnWhenThereAreAsManyAsAskedFor() {
            var linger = new Linger(Linger.LONGEST, 3);
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                for (int i = 0; i < 3; i++) {
                    ingest.pushed(linger, messages("p", i, i + 1));
                }
                ingest.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 3));
                // The drain may begin before the third message is in the file.
                assertThat(ingest.drain.status().lanes().get(0).batches()).isBetween(1L, 2L);
            }
        }

        @Test
        void movesPatientMessagesOnWhenTheirTimeIsOverOrItStops() {
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(new Linger(Duration.ofMillis(300), 100), messages("p", 0, 1));
                ingest.awaitDrained();
                ingest.pushed(new Linger(Linger.LONGEST, 100), messages("p", 1, 2));
                assertThat(ingest.stop().undrained()).isZero();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 2));
            }
        }

        @Test
        void deliversTheSameBatchAgainAfterARetriableException() {
            database.failNext(2);
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                assertThat(ingest.pushed(STORED, messages("p", 0, 10))).hasOnlyElementsOfType(PushResult.Queued.class);
                assertThat(database.stored()).isEqualTo(ids("p", 0, 10));
                assertThat(ingest.drain.status().lanes().get(0).failures()).isEqualTo(2);
                assertThat(ingest.drain.status().lanes().get(0).outages()).isZero();
            }
            assertThat(database.calls).containsExactly("start", "open 1", "close 1", "stop");
        }

        @Test
        void makesANewTaskAfterAnyOtherException() {
            database.crashNext(2);
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(BUFFERED, messages("p", 0, 10));
                ingest.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 10));
                assertThat(ingest.drain.status().lanes().get(0).taskRestarts()).isEqualTo(2);
                assertThat(ingest.isHealthy()).isTrue();
            }
            assertThat(database.calls)
                    .startsWith("start", "open 1", "close 1", "stop", "start", "open 1", "close 1", "stop", "start");
        }

        @Test
        void letsTheLogForgetOnlyWhatTheTaskHasConfirmed() {
            var commit = new CountDownLatch(1);
            database.holdAt(commit);
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(BUFFERED, messages("p", 0, 10));
                await().during(Duration.ofMillis(150))
                        .until(() -> ingest.drain.status().undrained() == 10);
                commit.countDown();
                ingest.awaitDrained();
            }
        }
    }

    @Nested
    class InAnOutage {
        @Test
        void everythingStaysInTheLogAndGoesOnInOrderAfterwards() {
            try (var ingest = new IngestFixture(Setup.at(directory).withBatch(30), database).start()) {
                ingest.pushed(STORED, messages("p", 0, 50));
                database.down(true);
                ingest.pushed(BUFFERED, messages("p", 50, 100));
                ingest.awaitState(State.DOWN);
                ingest.pushed(BUFFERED, messages("p", 100, 150));
                assertThat(ingest.isHealthy()).isFalse();
                assertThat(ingest.drain.status().undrained()).isEqualTo(100);
                database.down(false);
                ingest.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 150));
                assertThat(ingest.isHealthy()).isTrue();
                assertThat(ingest.drain.status().lanes().get(0).outages()).isEqualTo(1);
            }
        }

        @Test
        void aCommitWhoseAnswerGotLostIsNotRepeated() {
            database.loseNextAnswer();
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                assertThat(ingest.pushed(STORED, messages("p", 0, 10)))
                        .hasOnlyElementsOfType(PushResult.Buffered.class);
                ingest.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 10));
            }
        }

        @Test
        void stoppingTakesNoTimeAndReportsWhatIsLeft() {
            database.down(true);
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(BUFFERED, messages("p", 0, 10));
                ingest.awaitState(State.DOWN);
                assertThat(ingest.stop()).isEqualTo(new Drain.DrainReport(10, true));
            }
            database.down(false);
            try (var again = new IngestFixture(Setup.at(directory), database).start()) {
                again.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 10));
            }
        }
    }

    @Nested
    class AfterARestart {
        @Test
        void whatWasLeftIsDrainedBeforeWhatIsNew() {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, messages("p", 0, 100));
            }
            try (var again = new IngestFixture(Setup.at(directory), database)) {
                again.pushed(BUFFERED, messages("p", 100, 200));
                again.start();
                again.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 200));
            }
        }

        @Test
        void stoppingDrainsWhatItCan() {
            try (var ingest = new IngestFixture(Setup.at(directory).withBatch(10), database)) {
                ingest.pushed(BUFFERED, messages("p", 0, 1000));
                ingest.start();
                assertThat(ingest.stop()).isEqualTo(new Drain.DrainReport(0, true));
                assertThat(database.stored()).isEqualTo(ids("p", 0, 1000));
            }
        }

        @Test
        void nothingIsDeliveredTwiceAlthoughTheLogHadNotNotedWhatWasStored(@TempDir Path other) throws IOException {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, messages("p", 0, 100));
                copy(directory, other);
                ingest.start().awaitDrained();
            }
            try (var again = new IngestFixture(Setup.at(other), database).start()) {
                again.pushed(STORED, messages("p", 100, 110));
                again.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 110));
                assertThat(again.drain.status().lanes().get(0).skipped()).isEqualTo(100);
            }
        }
    }

    @Nested
    class WhenTheEpochOfTheLogChanges {
        @Test
        void theOldOneIsDrainedUnderItsOldNameFirst(@TempDir Path other) throws IOException {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, messages("p", 0, 10));
                copy(directory, other);
            }
            try (var again = new IngestFixture(Setup.at(other), database)) {
                again.pushed(BUFFERED, messages("p", 10, 20));
                again.start().awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 20));
                assertThat(database.sources()).containsExactlyInAnyOrder(again.source(0, 1), again.source(0, 2));
            }
            assertThat(database.calls).containsExactly("start", "open 1", "close 1", "open 2", "close 2", "stop");
        }

        @Test
        void newMessagesAreNotTakenForOldOnesThatThePowerCutTook(@TempDir Path other) throws IOException {
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(STORED, messages("p", 0, 10));
                copy(directory, other);
                // PostgreSQL has stored it, and the copy has lost it.
                ingest.pushed(STORED, messages("p", 10, 30));
            }
            try (var again = new IngestFixture(Setup.at(other), database).start()) {
                again.awaitDrained();
                List<PushResult> results = again.pushed(STORED, messages("p", 30, 40));
                assertThat(results).hasOnlyElementsOfType(PushResult.Queued.class);
                assertThat(database.stored()).isEqualTo(ids("p", 0, 40));
            }
        }
    }

    @Nested
    class WhenPostgresqlRemembersAnotherOffset {
        @Test
        void beyondTheEndOfAnOldEpochItGoesOnWithTheNext(@TempDir Path other) throws IOException {
            String oldEpoch;
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, messages("p", 0, 10));
                copy(directory, other);
                oldEpoch = ingest.source(0, 1);
            }
            database.setOffset(oldEpoch, 25);
            try (var again = new IngestFixture(Setup.at(other), database)) {
                again.pushed(BUFFERED, messages("p", 10, 40));
                again.start().awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 10, 40));
                assertThat(database.offset(oldEpoch)).isEqualTo(25);
            }
        }

        @Test
        void beyondTheEndOfThePresentEpochTheLaneStopsAndSaysSo() {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                database.setOffset(ingest.source(0, 1), 1000);
                ingest.pushed(BUFFERED, messages("p", 0, 10));
                ingest.start().awaitState(State.SOURCE_TAKEN);
                assertThat(ingest.isHealthy()).isFalse();
                assertThat(database.stored()).isEmpty();
                assertThat(ingest.pushed(STORED, message("later"))).containsExactly(new PushResult.Buffered());
            }
        }

        @Test
        void withinTheLogItContinuesThere() {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                database.setOffset(ingest.source(0, 1), 4);
                ingest.pushed(BUFFERED, messages("p", 0, 10));
                ingest.start().awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 4, 10));
            }
        }

        @Test
        void beforeWhatWasMovedOnItRepeatsWhatTheLogStillHas() {
            String source;
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(STORED, messages("p", 0, 10));
                database.down(true);
                ingest.pushed(BUFFERED, messages("p", 10, 20));
                source = ingest.source(0, 1);
            }
            var restored = new FakeDatabase();
            restored.setOffset(source, 4);
            try (var again = new IngestFixture(Setup.at(directory), restored).start()) {
                again.awaitDrained();
                assertThat(restored.stored()).isEqualTo(ids("p", 4, 20));
            }
        }

        @Test
        void beforeTheFirstEntryItJumpsThere() {
            var small = Setup.at(directory)
                    .withLog(SegmentLogConfig.defaults(directory)
                            .withLimits(2 << 10, 4 << 10, 1 << 20)
                            .withSizes(4 << 10, 1 << 20));
            String source;
            try (var ingest = new IngestFixture(small, database).start()) {
                for (int i = 0; i < 1000; i += 10) {
                    ingest.pushed(STORED, messages("p", i, i + 10));
                }
                source = ingest.source(0, 1);
            }
            var restored = new FakeDatabase();
            restored.setOffset(source, 4);
            try (var again = new IngestFixture(small, restored).start()) {
                again.pushed(BUFFERED, messages("p", 1000, 1010));
                again.awaitDrained();
                assertThat(restored.stored()).endsWith(ids("p", 1000, 1010).toArray(String[]::new));
                assertThat(restored.stored()).hasSizeLessThan(900).doesNotHaveDuplicates();
                assertThat(again.isHealthy()).isTrue();
            }
        }
    }

    @Nested
    class WhenTheNumberOfLanesChanges {
        @Test
        void nothingIsLostOrReorderedWithinAPartition() {
            var expected = new ArrayList<NewMessage>();
            int[] counts = {1, 4, 2, 2, 3};
            for (int run = 0; run < counts.length; run++) {
                try (var ingest = new IngestFixture(Setup.at(directory).withLanes(counts[run]), database)) {
                    for (int request = 0; request < 20; request++) {
                        var messages = new NewMessage[10];
                        for (int i = 0; i < messages.length; i++) {
                            messages[i] = message("p" + (request + i) % 7, run + "-" + request + "-" + i);
                            expected.add(messages[i]);
                        }
                        ingest.pushed(BUFFERED, messages);
                    }
                    if (run == 2) {
                        ingest.start();
                        assertThat(ingest.stop().undrained()).isZero();
                    }
                }
            }
            try (var last = new IngestFixture(Setup.at(directory), database).start()) {
                last.awaitDrained();
                for (int p = 0; p < 7; p++) {
                    String partition = "p" + p;
                    assertThat(database.stored(partition))
                            .as("order of %s", partition)
                            .isEqualTo(expected.stream()
                                    .filter(message -> message.partition().equals(partition))
                                    .map(NewMessage::transactionId)
                                    .toList());
                }
            }
        }

        @Test
        void newLanesWaitUntilTheOldOnesAreEmpty() {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, messages("p", 0, 10));
            }
            database.down(true);
            var setup = Setup.at(directory).withLanes(2).withStoredTimeout(Duration.ofMillis(200));
            try (var ingest = new IngestFixture(setup, database).start()) {
                await().until(() -> ingest.drain.status().lanes().get(0).state() == State.DOWN);
                assertThat(ingest.pushed(STORED, messages("p", 10, 20)))
                        .hasOnlyElementsOfType(PushResult.Buffered.class);
                assertThat(ingest.drain.status().lanes())
                        .extracting(DrainStatus.Lane::state)
                        .containsExactly(State.DOWN, State.WAITING, State.WAITING);
                database.down(false);
                ingest.awaitDrained();
                assertThat(database.stored()).isEqualTo(ids("p", 0, 20));
            }
        }

        @Test
        void theDirectoriesOfDrainedLanesAreSetAside() {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, messages("p", 0, 10));
            }
            try (var ingest = new IngestFixture(Setup.at(directory).withLanes(2), database).start()) {
                await().until(() -> Files.exists(directory.resolve("generation-1.drained")));
                assertThat(directory.resolve("generation-2/lane-1")).isDirectory();
                get(ingest.push(STORED, message("t")));
            }
        }
    }

    @Nested
    class ARecordPostgresqlRefuses {
        @Test
        void isKeptWithTheReasonAndDoesNotBlockTheOthers() throws IOException {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, message("t-1"));
                ingest.lanes.current().get(0).segments().append(List.of(new byte[] {9, 9, 9}));
                ingest.pushed(BUFFERED, message("t-2"));
                ingest.start().awaitDrained();
                assertThat(database.stored()).containsExactly("t-1", "t-2");
                assertThat(ingest.failed.entries().list(-1, 10)).singleElement().satisfies(record -> {
                    assertThat(record.reason())
                            .isEqualTo("message has format version 9, this program knows only 1 and 2");
                    assertThat(record.origin()).isEqualTo(ingest.source(0, 1) + "@1");
                    assertThat(record.payload()).containsExactly(9, 9, 9);
                });
                assertThat(ingest.drain.status().lanes().get(0).refused()).isEqualTo(1);
            }
        }

        @Test
        void isKeptOnceHoweverOftenItsTaskIsMadeAnew() throws IOException {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.lanes.current().get(0).segments().append(List.of(new byte[] {9}));
                ingest.lanes.current().get(0).segments().append(List.of(new byte[] {8}));
                database.crashAfterReport(3);
                ingest.start().awaitDrained();
                assertThat(ingest.drain.status().lanes().get(0).taskRestarts()).isEqualTo(3);
                assertThat(ingest.failed.entries().list(-1, 10)).hasSize(2);
            }
        }

        @Test
        void holdsTheLaneWhileItCannotBeKept() throws Exception {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                fillFailed(ingest);
                ingest.pushed(BUFFERED, message("t-1"));
                ingest.lanes.current().get(0).segments().append(List.of(new byte[] {9, 9, 9}));
                ingest.pushed(BUFFERED, message("t-2"));
                ingest.start().awaitState(State.HOLDING);
                DrainStatus.Lane holding = ingest.drain.status().lanes().get(0);
                assertThat(holding.undrained()).isPositive();
                assertThat(holding.lastError())
                        .hasValueSatisfying(error -> assertThat(error)
                                .startsWith("there is no room for another failed record: 200000 records, ")
                                .endsWith("; retry or drop some"));
                assertThat(ingest.isHealthy()).isFalse();
                assertThat(ingest.pushed(STORED, message("t-3")))
                        .as("pushes are taken meanwhile, without waiting")
                        .hasOnlyElementsOfType(PushResult.Buffered.class);
                long tasks = starts();
                await().during(Duration.ofMillis(300)).until(() -> starts() == tasks);

                ingest.failed.entries().remove(List.of(7L));
                ingest.awaitDrained();
                assertThat(database.stored()).containsExactly("t-1", "t-2", "t-3");
                assertThat(ingest.failed.count()).isEqualTo(FailedLog.MAX_RECORDS);
                ingest.awaitState(State.RUNNING);
            }
        }

        @Test
        void isStillInTheLogAfterAStopWhileTheLaneHolds() throws Exception {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                fillFailed(ingest);
                ingest.lanes.current().get(0).segments().append(List.of(new byte[] {9, 9, 9}));
                ingest.pushed(BUFFERED, message("t-1"));
                ingest.start().awaitState(State.HOLDING);
                assertThat(ingest.stop().undrained()).isEqualTo(2);
                ingest.failed.entries().remove(List.of(0L, 1L));
            }
            try (var again = new IngestFixture(Setup.at(directory), database).start()) {
                again.awaitDrained();
                assertThat(database.stored()).containsExactly("t-1");
                assertThat(again.failed.count()).isEqualTo(FailedLog.MAX_RECORDS - 1);
            }
        }

        private long starts() {
            return database.calls.stream().filter("start"::equals).count();
        }

        private static void fillFailed(IngestFixture ingest) throws Exception {
            var record = FailedRecord.of(Instant.EPOCH, "r", "o", new byte[] {1});
            assertThat(ingest.failed.entries().append(Collections.nCopies(FailedLog.MAX_RECORDS, record)))
                    .isInstanceOf(AppendResult.Appended.class);
        }
    }
}
