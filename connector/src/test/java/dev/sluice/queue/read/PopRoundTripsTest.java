package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.queue.AnswerCounter;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How often a pop and an acknowledgement wait for an answer of PostgreSQL, and that the answers are complete. */
class PopRoundTripsTest extends QueueFixture {
    /** More than the executions after which the driver and the server have prepared a statement. */
    private static final int ROUNDS = 12;

    private static final PopTarget P1 = new PopTarget("q", "p1", PopTarget.DEFAULT_GROUP);

    private AnswerCounter counter;
    private HikariDataSource pool;

    @BeforeEach
    void count() {
        var messages = new ArrayList<NewMessage>();
        for (int i = 0; i < ROUNDS; i++) {
            messages.add(message("q", "p1", "a" + i, "1"));
            messages.add(message("q", "p2", "b" + i, "1"));
        }
        writer.write(messages, List.of());
        counter = new AnswerCounter(postgres.url());
        pool = new HikariDataSource();
        pool.setJdbcUrl(counter.url());
        pool.setUsername("postgres");
        pool.setMaximumPoolSize(1);
        queue = new Queue(pool, new QueueConfig("sluice"));
    }

    @AfterEach
    void stop() {
        pool.close();
        counter.close();
    }

    private PopResult popAuto(PopTarget target) {
        return queue.pop(target, List.of(new PopRequest(1, 1, true, Subscription.ALL)))
                .get(0);
    }

    /** Lock the cursor, read the messages, write the lease and commit; then move the cursor, commit. */
    @Test
    void aPopWaitsThreeTimesAndTheAcknowledgementOfItsLeaseTwice() {
        int pop = 0;
        int acknowledgement = 0;
        for (int i = 0; i < ROUNDS; i++) {
            counter.take();
            PopResult popped = pop(ANY, 1);
            pop = counter.take();
            complete(popped);
            acknowledgement = counter.take();
        }
        assertThat(pop).isEqualTo(3);
        assertThat(acknowledgement).isEqualTo(2);
    }

    @Test
    void aPopWithAutoAckWaitsThreeTimes() {
        int waits = 0;
        for (int i = 0; i < ROUNDS; i++) {
            counter.take();
            assertThat(popAuto(ANY).messages()).hasSize(1);
            waits = counter.take();
        }
        assertThat(waits).isEqualTo(3);
        assertThat(postgres.query("select sum(position) from sluice.cursors")).containsExactly("" + ROUNDS);
    }

    /** Look for a cursor, ask why there is none, and commit. */
    @Test
    void aPopThatFindsNothingWaitsThreeTimes() {
        assertThat(pop(ANY, ROUNDS).messages()).hasSize(ROUNDS);
        assertThat(pop(ANY, ROUNDS).messages()).hasSize(ROUNDS);
        int waits = 0;
        for (int i = 0; i < ROUNDS; i++) {
            counter.take();
            assertThat(pop(ANY, 1).status()).isEqualTo(Status.EMPTY);
            waits = counter.take();
        }
        assertThat(waits).isEqualTo(3);
    }

    @Test
    void whatItLeavesBehindIsCommittedWithTheAnswer() {
        PopResult popped = pop(P1, 2);
        assertThat(postgres.query(
                        "select lease_id, lease_end, position from sluice.cursors where lease_id is not null"))
                .containsExactly(popped.leaseId() + "|2|0");
    }

    @Test
    void consumersOfOnePopThatGetNothingAreToldWhy() {
        List<PopResult> both = queue.pop(P1, List.of(batch(5), batch(5)));
        assertThat(both).extracting(PopResult::status).containsExactly(Status.MESSAGES, Status.LEASE_HELD);
        assertThat(both.get(1).nextReadyIn()).isBetween(Duration.ofSeconds(1), Duration.ofMinutes(10));
        assertThat(pop(new PopTarget("q", "none", PopTarget.DEFAULT_GROUP), 1).status())
                .isEqualTo(Status.PARTITION_NOT_FOUND);
        assertThat(pop(new PopTarget("none", null, PopTarget.DEFAULT_GROUP), 1).status())
                .isEqualTo(Status.QUEUE_NOT_FOUND);
    }

    /** One statement of the last round trip fails: nothing is committed, and the next pop gets the messages. */
    @Test
    void aLeaseThatCannotBeWrittenLeavesNothingBehind() {
        postgres.execute("alter table sluice.cursors add constraint none check (lease_id is null)");
        assertThatThrownBy(() -> pop(P1, 2))
                .isInstanceOfSatisfying(
                        QueueException.class, e -> assertThat(e.sqlState()).isEqualTo("23514"));
        assertThat(postgres.query("select count(*) from sluice.cursors where lease_id is not null"))
                .containsExactly("0");
        postgres.execute("alter table sluice.cursors drop constraint none");
        assertThat(transactionIds(pop(P1, 2))).containsExactly("a0", "a1");
    }
}
