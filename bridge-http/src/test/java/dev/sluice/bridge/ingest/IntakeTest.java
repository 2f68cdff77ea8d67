package dev.sluice.bridge.ingest;

import static dev.sluice.bridge.ingest.Durability.BUFFERED;
import static dev.sluice.bridge.ingest.Durability.STORED;
import static dev.sluice.bridge.ingest.IngestFixture.get;
import static dev.sluice.bridge.ingest.IngestFixture.ids;
import static dev.sluice.bridge.ingest.IngestFixture.message;
import static dev.sluice.bridge.ingest.IngestFixture.messages;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.bridge.ingest.IngestFixture.Setup;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IntakeTest {
    @TempDir
    private Path directory;

    /** Longer than any test waits for an answer. */
    private static final Duration NEVER = Duration.ofHours(1);

    private final FakeDatabase database = new FakeDatabase();

    @Nested
    class AStoredAnswer {
        @Test
        void saysQueuedWithTheIdOfTheMessage() {
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                NewMessage message = message("t-1");
                assertThat(ingest.pushed(STORED, message)).containsExactly(new PushResult.Queued(message.id(), 1));
            }
        }

        @Test
        void comesOnlyAfterTheCommit() {
            var commit = new CountDownLatch(1);
            database.holdAt(commit);
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                var answer = ingest.push(STORED, message("t-1"));
                await().during(Duration.ofMillis(150)).until(() -> !answer.isDone());
                assertThat(database.stored()).isEmpty();
                commit.countDown();
                assertThat(get(answer)).hasOnlyElementsOfType(PushResult.Queued.class);
            }
        }

        @Test
        void saysDuplicateWithTheIdOfTheFirst() {
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                NewMessage first = message("t-1");
                NewMessage other = message("t-2");
                ingest.pushed(STORED, first);
                assertThat(ingest.pushed(STORED, message("t-1"), other, message("t-2")))
                        .containsExactly(
                                new PushResult.Duplicate(first.id(), 1),
                                new PushResult.Queued(other.id(), 1),
                                new PushResult.Duplicate(other.id(), 1));
            }
        }

        @Test
        void hasItsResultsInTheOrderOfTheRequestWhateverLanesTheyTook() {
            try (var ingest = new IngestFixture(Setup.at(directory).withLanes(3), database).start()) {
                var messages = new NewMessage[100];
                for (int i = 0; i < messages.length; i++) {
                    messages[i] = message("p" + i % 17, "t-" + i);
                }
                List<PushResult> results = ingest.pushed(STORED, messages);
                for (int i = 0; i < messages.length; i++) {
                    assertThat(results.get(i)).isEqualTo(new PushResult.Queued(messages[i].id(), 1));
                }
            }
        }

        @Test
        void isComposedOfSeveralTransactionsWhenTheRequestIsLargerThanABatch() {
            try (var ingest = new IngestFixture(Setup.at(directory).withBatch(7), database).start()) {
                assertThat(ingest.pushed(STORED, messages("p", 0, 100)))
                        .hasSize(100)
                        .hasOnlyElementsOfType(PushResult.Queued.class);
                assertThat(database.stored()).isEqualTo(ids("p", 0, 100));
            }
        }

        @Test
        void wakesTheQueuesOfTheCommit() {
            try (var ingest = new IngestFixture(Setup.at(directory), database).start()) {
                ingest.pushed(STORED, message("t-1"), message("t-2"));
                await().untilAsserted(() -> assertThat(ingest.wakeUps).contains(Set.of("orders")));
            }
        }

        @Test
        void isNeverMissedByAnyoneWhateverTheTiming() throws Exception {
            var setup = Setup.at(directory).withLanes(2).withBatch(50);
            try (var ingest = new IngestFixture(setup, database).start()) {
                var answers = new ArrayList<CompletableFuture<List<PushResult>>>();
                var threads = new ArrayList<Thread>();
                for (int producer = 0; producer < 4; producer++) {
                    int number = producer;
                    var thread = new Thread(() -> {
                        var random = new Random(number);
                        for (int request = 0; request < 500; request++) {
                            int size = 1 + random.nextInt(20);
                            var messages = new NewMessage[size];
                            for (int i = 0; i < size; i++) {
                                messages[i] = message("p" + random.nextInt(8), number + "-" + request + "-" + i);
                            }
                            var answer = ingest.push(STORED, messages);
                            synchronized (answers) {
                                answers.add(answer);
                            }
                        }
                    });
                    thread.start();
                    threads.add(thread);
                }
                for (Thread thread : threads) {
                    thread.join();
                }
                for (var answer : answers) {
                    assertThat(get(answer)).hasOnlyElementsOfType(PushResult.Queued.class);
                }
                assertThat(ingest.intake.status().fellBack()).isZero();
            }
        }
    }

    @Nested
    class AStoredAnswerBecomesBuffered {
        private final Duration timeout = Duration.ofMillis(300);

        @Test
        void whenTheCommitTakesTooLong() {
            var commit = new CountDownLatch(1);
            database.holdAt(commit);
            var setup = Setup.at(directory).withStoredTimeout(timeout);
            try (var ingest = new IngestFixture(setup, database).start()) {
                long start = System.nanoTime();
                assertThat(ingest.pushed(STORED, message("t-1"))).containsExactly(new PushResult.Buffered());
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(timeout);
                commit.countDown();
            }
        }

        @Test
        void atOnceWhenTheDatabaseIsKnownToBeDown() {
            database.down(true);
            var setup = Setup.at(directory).withStoredTimeout(NEVER);
            try (var ingest = new IngestFixture(setup, database).start()) {
                ingest.pushed(BUFFERED, message("t-1"));
                ingest.awaitState(DrainStatus.State.DOWN);
                assertThat(ingest.pushed(STORED, message("t-2"))).containsExactly(new PushResult.Buffered());
            }
        }

        @Test
        void asSoonAsTheDatabaseGoesDownUnderIt() {
            database.down(true);
            var setup = Setup.at(directory).withStoredTimeout(NEVER);
            try (var ingest = new IngestFixture(setup, database).start()) {
                assertThat(ingest.pushed(STORED, message("t-1"))).containsExactly(new PushResult.Buffered());
            }
        }

        @Test
        void atOnceWhenTheDrainIsFurtherBehindThanItWouldWait() {
            var commit = new CountDownLatch(1);
            database.holdAt(commit);
            var setup = Setup.at(directory).withStoredTimeout(timeout);
            try (var ingest = new IngestFixture(setup, database).start()) {
                ingest.pushed(STORED, message("t-1"));
                await().until(() -> ingest.drain
                        .status()
                        .oldestAge()
                        .filter(age -> age.compareTo(timeout.plusSeconds(1)) > 0)
                        .isPresent());
                var answer = ingest.push(STORED, message("t-2"));
                assertThat(ingest.intake.status().waiting()).isZero();
                assertThat(get(answer)).containsExactly(new PushResult.Buffered());
                commit.countDown();
            }
        }

        @Test
        void andNobodyIsRememberedWhileAnOutageLasts() {
            database.down(true);
            var setup = Setup.at(directory).withStoredTimeout(timeout);
            try (var ingest = new IngestFixture(setup, database).start()) {
                for (int i = 0; i < 200; i++) {
                    ingest.pushed(STORED, message("t-" + i));
                }
                assertThat(ingest.intake.status().waiting()).isZero();
                assertThat(ingest.intake.status().fellBack()).isEqualTo(200);
            }
        }

        @Test
        void andIsStoredAgainAfterTheBacklogIsGone() {
            database.down(true);
            var setup = Setup.at(directory).withStoredTimeout(timeout);
            try (var ingest = new IngestFixture(setup, database).start()) {
                ingest.pushed(STORED, messages("p", 0, 100));
                database.down(false);
                ingest.awaitDrained();
                assertThat(ingest.pushed(STORED, message("t-1"))).hasOnlyElementsOfType(PushResult.Queued.class);
                assertThat(database.stored("p")).startsWith(ids("p", 0, 100).toArray(String[]::new));
            }
        }
    }

    @Nested
    class ABufferedAnswer {
        @Test
        void needsNoDatabase() {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                assertThat(ingest.pushed(BUFFERED, message("t-1"), message("t-2")))
                        .containsExactly(new PushResult.Buffered(), new PushResult.Buffered());
            }
        }

        @Test
        void comesAfterTheSyncOfTheLog() {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                ingest.pushed(BUFFERED, message("t-1"));
                assertThat(ingest.lanes.status().get(0).durableOffset()).isEqualTo(1);
            }
        }
    }

    @Nested
    class WhenTheLogIsFull {
        private final SegmentLogConfig small = SegmentLogConfig.defaults(Path.of("unused"))
                .withLimits(8 << 10, 16 << 10, 1 << 20)
                .withSizes(16 << 10, 64 << 10);

        @Test
        void aPushIsRefusedWithTheNumbers() {
            try (var ingest = new IngestFixture(Setup.at(directory).withLog(small), database)) {
                fill(ingest);
                assertThatThrownBy(
                                () -> ingest.push(STORED, messages("p", 0, 100)).get(120, TimeUnit.SECONDS))
                        .isInstanceOf(ExecutionException.class)
                        .cause()
                        .isInstanceOfSatisfying(IntakeFullException.class, full -> {
                            assertThat(full.limitBytes()).isEqualTo(64 << 10);
                            assertThat(full.usedBytes()).isPositive();
                        });
                assertThat(ingest.intake.status().refusedFull()).isPositive();
            }
        }

        @Test
        void pushesAreAcceptedAgainWhenTheDrainHasMadeRoom() {
            try (var ingest = new IngestFixture(Setup.at(directory).withLog(small), database)) {
                fill(ingest);
                ingest.start();
                await().until(() -> {
                    var answer = ingest.push(STORED, message("again"));
                    return !answer.isCompletedExceptionally();
                });
            }
        }

        private static void fill(IngestFixture ingest) {
            for (int i = 0; i < 1000; i++) {
                var answer = ingest.push(BUFFERED, messages("p", 0, 100));
                if (answer.isCompletedExceptionally()) {
                    return;
                }
                get(answer);
            }
            throw new AssertionError("it never got full");
        }
    }

    @Nested
    class WhateverIsRefused {
        private void assertBalanced(IngestFixture ingest, long messages) {
            await().untilAsserted(() -> {
                IntakeStatus status = ingest.intake.status();
                assertThat(status.waiting()).isZero();
                assertThat(status.messages()).isEqualTo(messages);
                assertThat(status.answeredQueued()
                                + status.answeredDuplicate()
                                + status.answeredBuffered()
                                + status.answeredFailed())
                        .isEqualTo(messages);
            });
        }

        @Test
        void aPushWithAMessageThatIsTooLargeLeavesNothingInAnyLane() {
            var log = SegmentLogConfig.defaults(directory).withLimits(2_000, 4_000, 1 << 20);
            try (var ingest = new IngestFixture(Setup.at(directory).withLanes(4).withLog(log), database)) {
                var messages = new ArrayList<NewMessage>();
                for (int i = 0; i < 40; i++) {
                    messages.add(message("p" + i, "t" + i));
                }
                NewMessage last = message("p40", "t40");
                byte[] large = ('"' + "x".repeat(3_000) + '"').getBytes(UTF_8);
                messages.add(NewMessage.of(last.id(), last.queue(), last.partition(), last.transactionId(), large));
                assertThatThrownBy(() -> ingest.push(STORED, messages.toArray(NewMessage[]::new))
                                .get(60, TimeUnit.SECONDS))
                        .hasCauseInstanceOf(MessageTooLargeException.class);
                assertThat(ingest.lanes.current())
                        .allSatisfy(
                                lane -> assertThat(lane.segments().nextOffset()).isZero());
                assertBalanced(ingest, 0);
            }
        }

        @Test
        void countsOfMessagesAndOfAnswersAgreeWhenTheLogCannotWriteAndAtTheEnd() throws Exception {
            try (var ingest = new IngestFixture(Setup.at(directory), database)) {
                Path lane = ingest.lanes.current().get(0).directory();
                Path away = lane.resolveSibling("away");
                Files.move(lane, away);
                for (Durability durability : Durability.values()) {
                    assertThatThrownBy(() -> ingest.push(durability, message("t-1"), message("t-2"))
                                    .get(60, TimeUnit.SECONDS))
                            .hasCauseInstanceOf(IOException.class);
                }
                Files.move(away, lane);
                int pushes = Durability.values().length;
                assertBalanced(ingest, 2L * pushes);
                assertThat(ingest.intake.status().failedWrites()).isEqualTo(pushes);
                assertThat(ingest.lanes.status().get(0).uncommittedEntries()).isZero();
                ingest.start();
                assertThat(ingest.pushed(STORED, message("t-1"))).hasOnlyElementsOfType(PushResult.Queued.class);
                ingest.intake.close();
                assertThatThrownBy(() -> ingest.push(STORED, message("t-2")).get(60, TimeUnit.SECONDS))
                        .hasMessageContaining("the bridge is stopping");
                assertBalanced(ingest, 2L * pushes + 1);
            }
        }
    }

    @Test
    void aMessageOfAPartitionAlwaysTakesTheSameLane() {
        // Fixed values: if an update assigned another lane to a name, its order would break.
        assertThat(Intake.laneOf("orders", "customer-1", 4)).isEqualTo(2);
        assertThat(Intake.laneOf("orders", "customer-2", 4)).isEqualTo(3);
    }

    @Test
    void partitionsSpreadOverTheLanes() {
        int[] counts = new int[4];
        for (int i = 0; i < 10_000; i++) {
            counts[Intake.laneOf("orders", "customer-" + i, 4)]++;
        }
        for (int count : counts) {
            assertThat(count).isBetween(2200, 2800);
        }
    }

    @Test
    void anEmptyPushIsAnsweredEmpty() {
        try (var ingest = new IngestFixture(Setup.at(directory), database)) {
            assertThat(ingest.pushed(STORED)).isEmpty();
        }
    }
}
