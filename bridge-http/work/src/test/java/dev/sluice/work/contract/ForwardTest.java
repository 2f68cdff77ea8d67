package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a handler forwards is written exactly with the end of its work. */
class ForwardTest extends WorkFixture {
    /** The messages of a queue, in their order: partition, transaction id, payload, headers. */
    private static String messages(String queue) {
        return "select p.name, t.id, m.payload, m.headers from sluice.queues q"
                + " join sluice.partitions p on p.queue_id = q.id join sluice.segments s on s.partition_id = p.id"
                + " cross join lateral unnest(s.transaction_ids) with ordinality t (id, n)"
                + " cross join lateral (select s.payloads[t.n] as payload, s.headers[t.n] as headers) m"
                + " where q.name = '" + queue + "' order by p.name, s.first_seq, t.n";
    }

    @Test
    void messagesAreInTheirQueuesWhenTheWorkIsDone() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "orders",
                        (each, context) -> Outcome.done()
                                .forward("invoices", "{\"order\":1}")
                                .forward("parcels", "customer-7", "{\"order\":1}")
                                .forward(new Outcome.Forward("parcels", "customer-7", "2", Map.of("a", "b")))));
        WorkId id = work.enqueue(Work.of("orders", "1")).id();
        untilRows(messages("invoices"), "Default|" + id + ":0|{\"order\":1}|null");
        untilRows(
                messages("parcels"),
                "customer-7|" + id + ":1|{\"order\":1}|null",
                "customer-7|" + id + ":2|2|{\"a\":\"b\"}");
        untilNothingIsLeft();
        assertThat(count("work_outbox")).isZero();
    }

    @Test
    void theWorksOfAKeyForwardInTheirOrder() throws Exception {
        WorkBuffer work = start(builder()
                .handler("steps", (each, context) -> Outcome.done().forward("out", "one", each.payloadText())));
        work.enqueue(IntStream.range(0, 50)
                .mapToObj(i -> Work.of("steps", "" + i).key("k"))
                .toList());
        until(() -> postgres.query(messages("out")).size() == 50);
        assertThat(postgres.query("select payload from (" + messages("out") + ") m"))
                .containsExactlyElementsOf(
                        IntStream.range(0, 50).mapToObj(i -> "" + i).toList());
    }

    @Test
    void aFullQueueOfWorksIsAFailedAttemptThatIsTriedAgain() throws Exception {
        var attempts = new AtomicInteger();
        WorkBuffer work = start(builder()
                .maxQueueSize(2)
                .handler(
                        "from",
                        (each, context) -> {
                            attempts.set(context.attempt());
                            return Outcome.done().forward("work.full", "3");
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(
                                Duration.ofMillis(300),
                                Duration.ofMillis(300),
                                Duration.ofMillis(300),
                                Duration.ofMillis(300)))));
        work.enqueue(List.of(Work.of("full", "1"), Work.of("full", "2")));
        work.enqueue(Work.of("from", "1"));
        untilRows("select errors like '%QueueFullException%' from sluice.work_items", "t");
        assertThat(work.waiting("full")).isEqualTo(2);
        work.add("full", (each, context) -> Outcome.done(), HandlerSettings.DEFAULT);
        until(() -> work.stats().byType().get("full").completed() == 3);
        untilNothingIsLeft();
        assertThat(attempts.get()).isGreaterThanOrEqualTo(2);
        assertThat(count("dead_letters")).isZero();
    }

    @Test
    void whatNoQueueTakesIsAFailedAttempt() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "bad",
                        (each, context) -> each.payloadText().equals("1")
                                ? Outcome.done().forward("out", "no JSON")
                                : Outcome.done().forward("out", "", "1"),
                        HandlerSettings.DEFAULT.retry(RetryPolicy.never())));
        work.enqueue(List.of(Work.of("bad", "1"), Work.of("bad", "2")));
        untilRows("select count(*) from sluice.dead_letters where error like 'failed 1 time: %'", "2");
        assertThat(postgres.query(messages("out"))).isEmpty();
        assertThatThrownBy(() -> Outcome.done().forward("q".repeat(256), "1"))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void anOutcomeThatIsLostForwardsNothing() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder().lease(Duration.ofSeconds(2)).handler("lost", (each, context) -> {
            if (runs.incrementAndGet() == 1) {
                postgres.execute("update sluice.work_claims set owner = gen_random_uuid(),"
                        + " lease_until = clock_timestamp() + interval '300 ms'");
            }
            return Outcome.done().forward("out", "" + runs.get());
        }));
        WorkId id = work.enqueue(Work.of("lost", "1")).id();
        untilRows(messages("out"), "Default|" + id + ":0|2|null");
        untilNothingIsLeft();
        assertThat(postgres.query(messages("out"))).hasSize(1);
    }
}
