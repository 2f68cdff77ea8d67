package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.PopResult;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class LeasesTest extends QueueFixture {
    @Nested
    class LeasesThatExpire {
        @Test
        void isolateMessagesAndMakeTheFirstADeadLetterAtTheLimit() {
            postgres.execute("alter table sluice.queues alter redelivery_limit set default 4");
            writer.write(run(1, 3), List.of());
            var sizes = new ArrayList<Integer>();
            for (int i = 0; i < 4; i++) {
                sizes.add(pop(ANY, 3).messages().size());
                letTimePass();
            }
            assertThat(sizes).containsExactly(3, 3, 3, 1);
            assertThat(transactionIds(pop(ANY, 3))).containsExactly("t2", "t3");
            assertThat(postgres.query("select transaction_id, error, retries from sluice.dead_letters"))
                    .containsExactly("t1|delivered 4 times without an ack|3");
        }

        @Test
        void areForgottenAfterAnyAck() {
            postgres.execute("alter table sluice.queues alter redelivery_limit set default 2");
            writer.write(run(1, 4), List.of());
            for (int i = 0; i < 3; i++) {
                PopResult result = pop(ANY, 4);
                queue.acknowledge(List.of(verdict(result.messages().get(0), result, Verdict.COMPLETED)));
                letTimePass();
            }
            assertThat(postgres.query("select count(*) from sluice.dead_letters"))
                    .containsExactly("0");
        }

        @Test
        void haveNoEffectIfTheLimitIsZero() {
            postgres.execute("alter table sluice.queues alter redelivery_limit set default 0");
            writer.write(run(1, 2), List.of());
            for (int i = 0; i < 30; i++) {
                assertThat(pop(ANY, 2).messages()).hasSize(2);
                letTimePass();
            }
        }
    }

    @Nested
    class Extensions {
        @Test
        void lengthenALiveLeaseAndNeverShortenIt() {
            writer.write(run(1, 1), List.of());
            UUID lease = pop(ANY, 1).leaseId();
            Instant longer = queue.extend(lease, Duration.ofMinutes(15)).orElseThrow();
            assertThat(queue.extend(lease, Duration.ofSeconds(1))).hasValue(longer);
            assertThat(pop(ANY, 1).nextReadyIn()).isGreaterThan(Duration.ofSeconds(800));
        }

        @Test
        void ofEndedOrUnknownLeasesFindNothing() {
            writer.write(run(1, 1), List.of());
            UUID lease = pop(ANY, 1).leaseId();
            letTimePass();
            assertThat(queue.extend(lease, Duration.ofMinutes(1))).isEmpty();
            assertThat(queue.extend(UUID.randomUUID(), Duration.ofMinutes(1))).isEmpty();
        }
    }
}
