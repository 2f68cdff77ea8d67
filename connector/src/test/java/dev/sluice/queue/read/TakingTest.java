package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.SeekTarget;
import dev.sluice.queue.read.Taking.Taken;
import dev.sluice.queue.sql.Transactions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Cursors move past what is taken, and closed partitions give nothing until they are opened. */
class TakingTest {
    private static final String GROUP = "takers";

    @AutoClose
    final AdministrationFixture sluice = new AdministrationFixture();

    private final Taking taking = new Taking("sluice", PayloadCipher.NONE, 1 << 20);
    private Transactions transactions;

    @BeforeEach
    void open() {
        transactions = Transactions.byIndex(sluice.postgres.dataSource());
    }

    private List<Taken> take(int limit, boolean closes) {
        return transactions.run("take", connection -> taking.take(connection, "q", GROUP, limit, name -> closes));
    }

    private void openAgain(long partition) {
        transactions.run("open", connection -> {
            taking.open(connection, GROUP, Set.of(partition));
            return true;
        });
    }

    private static List<String> ids(List<Taken> taken) {
        return taken.stream()
                .flatMap(each -> each.messages().stream())
                .map(Message::transactionId)
                .toList();
    }

    private String cursor() {
        return sluice.one("select position || '/' || (available_at is null) from sluice.cursors c"
                + " join sluice.consumer_groups g on g.id = c.group_id where g.name = '" + GROUP + "'");
    }

    @Test
    void aTakerMovesPastItsMessagesAndTheNextOneGetsTheRest() {
        sluice.pushOneByOne(1, 5);
        List<Taken> first = take(2, false);
        assertThat(ids(first)).containsExactly("t1", "t2");
        assertThat(first.get(0).firstSeq()).isEqualTo(1);
        assertThat(first.get(0).lastSeq()).isEqualTo(2);
        assertThat(cursor()).isEqualTo("2/false");
        assertThat(ids(take(10, false))).containsExactly("t3", "t4", "t5");
        assertThat(cursor()).isEqualTo("5/true");
        assertThat(take(10, false)).isEmpty();
        sluice.pushOneByOne(6, 6);
        assertThat(ids(take(10, false))).containsExactly("t6");
    }

    @Test
    void aClosedPartitionGivesOneMessageAndThenNothingUntilItIsOpened() {
        sluice.pushOneByOne(1, 2);
        List<Taken> first = take(10, true);
        assertThat(ids(first)).containsExactly("t1");
        assertThat(first.get(0).closed()).isTrue();
        assertThat(take(10, true)).isEmpty();
        sluice.pushOneByOne(3, 3);
        assertThat(take(10, true)).as("a push does not open it").isEmpty();
        openAgain(first.get(0).partitionId());
        assertThat(ids(take(10, true))).containsExactly("t2");
        openAgain(first.get(0).partitionId());
        assertThat(ids(take(10, true))).containsExactly("t3");
        openAgain(first.get(0).partitionId());
        assertThat(cursor()).isEqualTo("3/true");
        openAgain(first.get(0).partitionId());
        assertThat(cursor()).as("it was open").isEqualTo("3/true");
    }

    @Test
    void deletedMessagesArePassed() {
        sluice.push(run(1, 4).toArray(NewMessage[]::new));
        sluice.postgres.execute(
                "update sluice.segments set has_deletions = true, payloads[2] = null, payloads[4] = null");
        List<Taken> taken = take(10, false);
        assertThat(ids(taken)).containsExactly("t1", "t3");
        assertThat(taken.get(0).lastSeq()).isEqualTo(4);
        assertThat(cursor()).isEqualTo("4/true");
    }

    @Test
    void bytesBoundWhatOneCallTakes() {
        sluice.pushOneByOne(1, 5);
        var small = new Taking("sluice", PayloadCipher.NONE, 1);
        List<Taken> taken =
                transactions.run("take", connection -> small.take(connection, "q", GROUP, 10, name -> false));
        assertThat(ids(taken)).containsExactly("t1");
        assertThat(ids(take(10, false))).containsExactly("t2", "t3", "t4", "t5");
    }

    /** What a claim of the work engine needs is not deleted, although the cursor has passed it. */
    @Test
    void retentionOfCompletedMessagesKeepsWhatIsClaimed() {
        sluice.configure(
                QueueOptions.DEFAULTS.toBuilder().retentionEnabled(true).completedRetention(Duration.ofSeconds(60)));
        sluice.pushOneByOne(1, 4);
        long partition = take(10, false).get(0).partitionId();
        sluice.age(Duration.ofHours(1), 4);
        sluice.postgres.execute(
                "insert into sluice.work_claims (id, queue_id, partition_id, first_seq, last_seq, closes, owner,"
                        + " lease_until) values (gen_random_uuid(), 1, " + partition
                        + ", 3, 4, false, gen_random_uuid(), now())");
        assertThat(sluice.retention.sweep().completed()).isEqualTo(2);
        sluice.postgres.execute("delete from sluice.work_claims");
        assertThat(sluice.retention.sweep().completed()).isEqualTo(2);
    }

    /** Takes the first of two messages of a partition and closes the partition. */
    private long takeFirstOfTwoAndClose() {
        sluice.pushOneByOne(1, 2);
        return take(1, true).get(0).partitionId();
    }

    private void assertOnlyAnOpeningGivesTheRest(long partition, String... rest) {
        assertThat(take(10, false)).isEmpty();
        openAgain(partition);
        assertThat(ids(take(10, false))).containsExactly(rest);
    }

    @Test
    void aClosedPartitionStaysClosedWhenItIsCleared() {
        long partition = takeFirstOfTwoAndClose();
        sluice.queues.clear("q", null);
        sluice.pushOneByOne(3, 3);
        assertOnlyAnOpeningGivesTheRest(partition, "t3");
    }

    @Test
    void aClosedPartitionStaysClosedWhenItsMessagesExpire() {
        long partition = takeFirstOfTwoAndClose();
        sluice.postgres.execute("update sluice.queues set ttl_s = 1");
        sluice.postgres.execute("update sluice.segments set created_at = now() - interval '1 hour'");
        assertThat(sluice.retention.sweep().ttl()).isEqualTo(2);
        sluice.pushOneByOne(3, 3);
        assertOnlyAnOpeningGivesTheRest(partition, "t3");
    }

    @Test
    void aClosedPartitionStaysClosedAfterASeek() {
        long partition = takeFirstOfTwoAndClose();
        sluice.groups.seek(GROUP, "q", null, new SeekTarget.Beginning());
        assertOnlyAnOpeningGivesTheRest(partition, "t1", "t2");
    }

    @Test
    void aClosedPartitionStaysClosedWhenAClientAcknowledgesWithoutALease() {
        long partition = takeFirstOfTwoAndClose();
        assertThat(sluice.queue.acknowledge(
                        List.of(new Acknowledgement(GROUP, partition, "t2", null, Verdict.COMPLETED, null))))
                .hasSize(1);
        sluice.pushOneByOne(3, 3);
        assertOnlyAnOpeningGivesTheRest(partition, "t3");
    }

    @Test
    void anEmptyPartitionThatIsClosedIsNotDeleted() {
        takeFirstOfTwoAndClose();
        sluice.queues.clear("q", null);
        sluice.retention.sweep();
        sluice.postgres.execute("update sluice.partitions set created_at = created_at - interval '60 days',"
                + " last_push_at = last_push_at - interval '60 days'");
        sluice.retention.sweep();
        assertThat(sluice.one("select count(*) from sluice.partitions")).isEqualTo("1");
    }

    @Test
    void messagesThatWorksHaveClaimedOutliveEveryReasonToDelete() {
        sluice.pushOneByOne(1, 3);
        Taken taken = take(2, false).get(0);
        sluice.postgres.execute(
                "insert into sluice.work_claims (id, queue_id, partition_id, first_seq, last_seq, closes,"
                        + " owner, lease_until) values (gen_random_uuid(), 1, " + taken.partitionId() + ", 2, 2, false,"
                        + " gen_random_uuid(), now())");
        sluice.postgres.execute("update sluice.segments set created_at = now() - interval '1 hour'");
        for (String reason : List.of(
                "ttl_s = 1",
                "ttl_s = 0, max_wait_time_s = 1",
                "max_wait_time_s = 0, retention_enabled = true, retention_s = 1, completed_retention_s = 1")) {
            sluice.postgres.execute("update sluice.queues set " + reason);
            sluice.retention.sweep();
            assertThat(sluice.postgres.query("select first_seq from sluice.segments order by 1"))
                    .as(reason)
                    .containsExactly("2", "3");
        }
        sluice.postgres.execute("delete from sluice.work_claims");
        sluice.retention.sweep();
        assertThat(sluice.one("select count(*) from sluice.segments")).isEqualTo("0");
    }
}
