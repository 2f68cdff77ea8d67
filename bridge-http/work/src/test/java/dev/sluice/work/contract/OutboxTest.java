package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import org.junit.jupiter.api.Test;

/** Works of programs' transactions come to their queues, whatever else is in the outbox. */
class OutboxTest extends WorkFixture {
    @Test
    void aWorkOfTheOutboxThatCannotBeMovedDelaysNoOtherAndIsKept() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(Work.of("a", "0"));
        postgres.execute("insert into sluice.work_outbox (queue, partition, message_id, payload, lane)"
                + " values (repeat('x', 300), 'p', gen_random_uuid(), '1', 2)");
        for (int i = 0; i < 5; i++) {
            try (var connection = postgres.dataSource().getConnection()) {
                connection.setAutoCommit(false);
                work.enqueue(connection, Work.of("a", "1"));
                connection.commit();
                connection.setAutoCommit(true);
            }
        }
        until(() -> work.waiting("a") == 6);
        assertThat(postgres.query("select length(queue), try_at > now() from sluice.work_outbox"))
                .containsExactly("300|t");
        postgres.execute("update sluice.work_outbox set queue = 'work.a', try_at = now()");
        until(() -> work.waiting("a") == 7);
        assertThat(count("work_outbox")).isZero();
    }
}
