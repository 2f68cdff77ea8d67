package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.SourceProgress;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class UnusedRowsTest {
    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    @AfterEach
    void nothingIsBroken() {
        assertThat(sluice.broken()).isEmpty();
    }

    @Nested
    class APartition {
        private List<String> left() {
            return sluice.postgres.query("select name from sluice.partitions order by name");
        }

        private void empty(String... partitions) {
            for (String partition : partitions) {
                sluice.queues.clear("q", partition);
            }
            sluice.retention.sweep();
        }

        private void letPass(String interval) {
            sluice.postgres.execute("update sluice.partitions set created_at = created_at - interval '" + interval
                    + "', last_push_at = last_push_at - interval '" + interval + "'");
        }

        @Test
        void isDeletedAfter30EmptyDaysWithoutAPush() {
            sluice.push(message("old", "t1"), message("kept", "t2"));
            sluice.readAll("g");
            empty("old");
            letPass("29 days 23 hours");
            sluice.retention.sweep();
            assertThat(left()).containsExactly("kept", "old");
            letPass("2 hours");
            sluice.retention.sweep();
            assertThat(left()).containsExactly("kept");
            assertThat(sluice.one("select count(*) from sluice.deletions")).isEqualTo("0");
        }

        @Test
        void staysForeverIfTheTimeIsZero() {
            sluice.push(message("old", "t1"));
            empty("old");
            letPass("400 days");
            new Retention(sluice.postgres.dataSource(), "sluice", Duration.ZERO, (queue, aged, done, waited) -> {})
                    .sweep();
            assertThat(left()).containsExactly("old");
        }

        @Test
        void isCreatedAgainByTheNextPushOfAWriterThatKnewIt() {
            sluice.push(message("p", "t1"));
            sluice.readAll("g");
            empty("p");
            letPass("31 days");
            sluice.retention.sweep();
            assertThat(left()).isEmpty();
            assertThat(sluice.writer.write(List.of(message("p", "t2")), List.of()))
                    .first()
                    .isInstanceOfSatisfying(
                            Queued.class, queued -> assertThat(queued.seq()).isEqualTo(1));
            assertThat(transactionIds(sluice.pop("g", 10))).containsExactly("t2");
        }

        @Test
        void staysWithADeadLetterAScheduledMessageOrALease() {
            sluice.push(message("dead", "t1"), message("leased", "t2"));
            PopResult popped = sluice.pop("g", 10);
            sluice.acknowledge("g", popped, Verdict.DLQ, "t1");
            sluice.writer.write(List.of(later("waits")), List.of());
            empty("dead");
            letPass("31 days");
            sluice.postgres.execute("update sluice.partitions set tail = head + 1 where name = 'leased'");
            sluice.postgres.execute("delete from sluice.segments");
            sluice.retention.sweep();
            assertThat(left()).containsExactly("dead", "leased", "waits");
            sluice.postgres.execute("update sluice.cursors set position = lease_end, lease_id = null, lease_end = null,"
                    + " available_at = null where lease_id is not null");
            sluice.retention.sweep();
            assertThat(left()).containsExactly("dead", "waits");
        }

        @Test
        void isLeftToTheNextSweepWhileItIsLocked() throws SQLException {
            sluice.push(message("held", "t1"), message("free", "t2"));
            empty("held", "free");
            letPass("31 days");
            try (Connection other = sluice.postgres.dataSource().getConnection();
                    Statement statement = other.createStatement()) {
                other.setAutoCommit(false);
                statement.execute("select from sluice.partitions where name = 'held' for no key update");
                sluice.retention.sweep();
                assertThat(left()).containsExactly("held");
                other.rollback();
            }
            sluice.retention.sweep();
            assertThat(left()).isEmpty();
        }

        @Test
        void isReportedToTheListener() {
            sluice.push(message("idle", "t1"), message("other", "t2"), message("busy", "t3"));
            empty("idle", "other");
            letPass("31 days");
            var told = new HashMap<String, Long>();
            var listener = new RetentionListener() {
                @Override
                public void messagesDeleted(String queue, long aged, long completed, long waitedTooLong) {}

                @Override
                public void partitionsDeleted(String queue, long partitions) {
                    told.merge(queue, partitions, Long::sum);
                }
            };
            new Retention(sluice.postgres.dataSource(), "sluice", Retention.IDLE_PARTITIONS, listener).sweep();
            assertThat(told).containsExactly(Map.entry("q", 2L));
        }

        @Test
        void isDeletedWithHundredsOfOthers() {
            for (int i = 0; i < 3 * UnusedRows.PARTITIONS + 1; i++) {
                sluice.push(message("p" + i, "t"));
            }
            sluice.queues.clear("q", null);
            sluice.retention.sweep();
            letPass("31 days");
            sluice.retention.sweep();
            assertThat(left()).isEmpty();
        }

        private NewMessage later(String partition) {
            return NewMessage.builder(UUID.randomUUID(), "q", partition, "later", new byte[] {'1'})
                    .delay(Duration.ofDays(100))
                    .build();
        }
    }

    @Nested
    class AGroupThatWaitsForAQueue {
        private void ask() {
            PopRequest request = new PopRequest(1, 1, false, Subscription.NEW);
            sluice.queue.pop(new PopTarget("not-yet", null, "g"), List.of(request));
        }

        private String waiting() {
            return sluice.one("select count(*) from sluice.pending_subscriptions");
        }

        private void letPass(String interval) {
            sluice.postgres.execute(
                    "update sluice.pending_subscriptions set asked_at = asked_at - interval '" + interval + "'");
        }

        @Test
        void isForgottenAWeekAfterItsLastPop() {
            ask();
            letPass("6 days 23 hours");
            sluice.retention.sweep();
            assertThat(waiting()).isEqualTo("1");
            letPass("2 hours");
            sluice.retention.sweep();
            assertThat(waiting()).isEqualTo("0");
        }

        @Test
        void isKeptAsLongAsItPops() {
            ask();
            for (int days = 0; days < 20; days += 5) {
                letPass("5 days");
                ask();
                sluice.retention.sweep();
            }
            assertThat(waiting()).isEqualTo("1");
        }
    }

    @Nested
    class AnOffset {
        private static final String LOG = "731e043b-8926-873a-ba44-a4f6a8d67c50";

        private void store(String source, String topic, int lane) {
            var progress = new SourceProgress(new SourcePartition(source, topic, lane), SourceProgress.NONE, 7);
            sluice.writer.write(List.of(), List.of(progress));
        }

        private void store(int epoch, int lane) {
            store(LOG, SourcePartition.LOG_TOPIC + LOG + "-" + epoch, lane);
        }

        private List<String> left() {
            return sluice.postgres.query(
                    "select substring(topic from '[0-9]+$'), partition from sluice.sink_offsets order by topic, partition");
        }

        private void letPass(String interval) {
            sluice.postgres.execute("update sluice.sink_offsets set updated_at = updated_at - interval '" + interval
                    + "', started_at = started_at - interval '" + interval + "'");
        }

        @Test
        void ofAnOldEpochIsDeletedAfter30DaysAndTheNewestStays() {
            store(9, 0);
            store(9, 1);
            store(10, 0);
            moveFor("61 minutes");
            letPass("29 days 23 hours");
            sluice.retention.sweep();
            assertThat(left()).hasSize(3);
            letPass("2 hours");
            sluice.retention.sweep();
            assertThat(left()).containsExactly("10|0", "9|1");
        }

        @Test
        void staysUntilTheNewerEpochHasBeenDrainingForAnHour() {
            store(9, 0);
            store(10, 0);
            moveFor("59 minutes");
            letPass("400 days");
            sluice.retention.sweep();
            assertThat(left()).hasSize(2);
        }

        /** Moves the first write of each source into the past. */
        private void moveFor(String interval) {
            sluice.postgres.execute(
                    "update sluice.sink_offsets set started_at = updated_at - interval '" + interval + "'");
        }

        @Test
        void ofAKafkaTopicStays() {
            store("connector", "orders-1", 0);
            store("connector", "orders-2", 0);
            store("connector", SourcePartition.LOG_TOPIC + LOG + "-1", 0);
            store("connector", SourcePartition.LOG_TOPIC + LOG + "-2", 0);
            moveFor("2 hours");
            letPass("400 days");
            sluice.retention.sweep();
            assertThat(left()).hasSize(4);
        }
    }
}
