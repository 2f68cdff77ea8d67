package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.Statements;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

public class QueueWriterTest {
    private static final SourcePartition SOURCE = new SourcePartition("log", "topic", 0);

    private TestPostgres postgres;
    private QueueWriter writer;

    @BeforeEach
    void open() {
        postgres = TestPostgres.withSchema();
        writer = writer();
    }

    @AfterEach
    void close() {
        writer.close();
        postgres.close();
    }

    private QueueWriter writer() {
        return new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    private QueueWriter writer(Duration window, int maxIds) {
        return new QueueWriter(postgres.dataSource(), new QueueWriterConfig("sluice", window, maxIds));
    }

    private List<String> transactionIds(String partition) {
        return postgres.query(
                "select transaction_id from sluice.messages where partition = '" + partition + "' order by seq");
    }

    @Test
    void givesSeqsWithoutGapsInTheOrderGiven() {
        var first = writer.write(List.of(message("a", "1"), message("b", "2"), message("a", "3")), List.of());
        var second = writer.write(List.of(message("a", "4")), List.of());
        assertThat(first).extracting(outcome -> ((Queued) outcome).seq()).containsExactly(1L, 1L, 2L);
        assertThat(second).extracting(outcome -> ((Queued) outcome).seq()).containsExactly(3L);
        assertThat(transactionIds("a")).containsExactly("1", "3", "4");
    }

    @Test
    void storesPayloadsByteForByte() {
        String payload = "{\"n\": 1.000000000000000000000000000001e400, \"n\":2,  \"s\":\"\\u0000\\ud800 \\/ é 𝄞 \" }";
        writer.write(List.of(message("q", "p", "t", payload)), List.of());
        assertThat(postgres.query("select payload from sluice.messages")).containsExactly(payload);
        assertThat(postgres.query("select octet_length(payload) from sluice.messages"))
                .containsExactly(String.valueOf(payload.getBytes(StandardCharsets.UTF_8).length));
    }

    @Test
    void keepsTraceIdsAndProducersOfSomeMessagesOfARun() {
        UUID trace = UUID.randomUUID();
        var plain = message("p", "1");
        var traced = NewMessage.builder(UUID.randomUUID(), "q", "p", "2", new byte[] {'1'})
                .traceId(trace)
                .producerSub("alice")
                .build();
        writer.write(List.of(plain, traced), List.of());
        assertThat(
                        postgres.query(
                                "select coalesce(trace_id::text, '-'), coalesce(producer_sub, '-') from sluice.messages order by seq"))
                .containsExactly("-|-", trace + "|alice");
    }

    @Test
    void cutsLongRunsIntoSegments() {
        storePayloads("extended");
        writer.write(run(1, 2 * SegmentCopy.MAX_SEGMENT_MESSAGES + 1), List.of());
        assertThat(postgres.query("select first_seq, last_seq from sluice.segments order by 1"))
                .containsExactly("1|500", "501|1000", "1001|1001");
        String half = "\"" + "x".repeat(SegmentCopy.MAX_SEGMENT_BYTES / 2) + "\"";
        writer.write(List.of(message("big", "p", "1", half), message("big", "p", "2", half)), List.of());
        assertThat(postgres.query("select count(*) from sluice.segments where cardinality(ids) = 1 and first_seq <= 2"))
                .containsExactly("2");
    }

    private void storePayloads(String storage) {
        postgres.execute("alter table sluice.segments alter column payloads set storage " + storage);
    }

    @Test
    void fitsRowsInPagesWherePayloadsAreNotCompressed() {
        storePayloads("external");
        var random = new Random(7);
        for (int flush = 0; flush < 20; flush++) {
            var messages = new ArrayList<NewMessage>();
            for (int i = 0; i < 200; i++) {
                boolean marked = random.nextInt(100) < flush;
                messages.add(NewMessage.builder(
                                UUID.randomUUID(),
                                "q",
                                "p" + flush,
                                UUID.randomUUID().toString().substring(random.nextInt(20)),
                                ("\"" + "x".repeat(random.nextInt(1 + 100 * flush)) + "\"")
                                        .getBytes(StandardCharsets.UTF_8))
                        .traceId(marked ? UUID.randomUUID() : null)
                        .producerSub(marked ? "alice" : null)
                        .origin(marked ? new Origin(Instant.EPOCH, null) : Origin.NONE)
                        .build());
            }
            writer.write(messages, List.of());
        }
        assertThat(postgres.query(
                        "select pg_relation_size(reltoastrelid) from pg_class where oid = 'sluice.segments'::regclass"))
                .as("bytes put aside")
                .containsExactly("0");
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("4000");
        assertThat(postgres.query("""
                select count(*) from sluice.segments s
                where pg_column_size(s.*) < 5500
                  and last_seq < (select head from sluice.partitions where id = s.partition_id)"""))
                .as("rows much smaller than a page, but for the last of each run")
                .containsExactly("0");
    }

    @Test
    void derivesNamespaceAndTaskFromTheQueueName() {
        writer.write(List.of(message("a.b.c", "p", "1", "1"), message("plain", "p", "1", "1")), List.of());
        assertThat(postgres.query("select name, namespace, task from sluice.queues order by 1"))
                .containsExactly("a.b.c|a|b", "plain|plain|");
    }

    @Test
    void carriesOnAfterADataError() {
        var bad = NewMessage.of(UUID.randomUUID(), "q", "p", "t", new byte[] {(byte) 0xff});
        assertThatThrownBy(() -> writer.write(List.of(message("p", "ok"), bad), List.of()))
                .isInstanceOfSatisfying(QueueException.class, e -> {
                    assertThat(e.isTransient()).isFalse();
                    assertThat(e.sqlState()).isEqualTo("22021");
                });
        assertThat(writer.write(List.of(message("p", "ok")), List.of())).first().isInstanceOf(Queued.class);
        assertThat(transactionIds("p")).containsExactly("ok");
    }

    @Test
    void remembersWhatItKnewWhenAWriteIsRefused() {
        writer.write(run(1, 3), List.of());
        var bad = NewMessage.of(UUID.randomUUID(), "q", "p", "t", new byte[] {(byte) 0xff});
        assertThatThrownBy(() -> writer.write(List.of(bad), List.of())).isInstanceOf(QueueException.class);
        assertThat(writer.rememberedIds()).isEqualTo(3);
    }

    @Test
    void carriesOnAfterAPartitionWasDeleted() {
        writer.write(run(1, 3), List.of());
        postgres.execute("delete from sluice.segments; delete from sluice.partitions; delete from sluice.queues");
        assertThat(writer.write(run(1, 2), List.of()))
                .extracting(outcome -> ((Queued) outcome).seq())
                .containsExactly(1L, 2L);
    }

    @Nested
    class Duplicates {
        @Test
        void ofEarlierWritesCarryTheFirstId() {
            var first = message("p", "same");
            writer.write(List.of(first), List.of());
            var outcome = writer.write(List.of(message("p", "same"), message("other", "same")), List.of());
            assertThat(outcome.get(0))
                    .isInstanceOfSatisfying(
                            Duplicate.class, it -> assertThat(it.id()).isEqualTo(first.id()));
            assertThat(outcome.get(1)).isInstanceOf(Queued.class);
            assertThat(transactionIds("p")).containsExactly("same");
        }

        @Test
        void withinOneWriteCarryTheFirstId() {
            var first = message("p", "same");
            var outcome = writer.write(List.of(first, message("p", "same"), message("p", "else")), List.of());
            assertThat(outcome.get(1))
                    .isInstanceOfSatisfying(
                            Duplicate.class, it -> assertThat(it.id()).isEqualTo(first.id()));
            assertThat(outcome.get(2))
                    .isInstanceOfSatisfying(
                            Queued.class, it -> assertThat(it.seq()).isEqualTo(2));
        }

        @Test
        void areFoundByAColdWriter() {
            writer.write(run(1, 1200), List.of());
            try (var cold = writer()) {
                assertThat(cold.write(run(1, 1200), List.of())).allMatch(Duplicate.class::isInstance);
            }
        }

        @Test
        void areFoundAfterAnotherWriterMovedTheHead() {
            writer.write(run(1, 3), List.of());
            try (var other = writer()) {
                other.write(run(4, 6), List.of());
            }
            assertThat(writer.write(run(1, 7), List.of()))
                    .extracting(outcome -> outcome instanceof Queued)
                    .containsExactly(false, false, false, false, false, false, true);
        }

        @Test
        void areNotLookedForAmongIdsThatWereMade() {
            writer.write(run(1, 3), List.of());
            try (var other = writer()) {
                other.write(run(4, 6), List.of());
            }
            writer.write(List.of(withMadeId("p", "made1")), List.of());
            writer.write(List.of(withMadeId("other", "made1")), List.of());
            assertThat(writer.rememberedIds())
                    .as("neither read back nor remembered")
                    .isEqualTo(3);
            assertThat(writer.write(run(1, 7), List.of()))
                    .as("of what another writer has added meanwhile, too")
                    .extracting(outcome -> outcome instanceof Queued)
                    .containsExactly(false, false, false, false, false, false, true);
            assertThat(writer.write(List.of(withMadeId("p", "made2"), message("p", "t7")), List.of()))
                    .extracting(outcome -> outcome instanceof Queued)
                    .containsExactly(true, false);
            assertThat(writer.write(List.of(message("p", "t7"), withMadeId("p", "made3")), List.of()))
                    .extracting(outcome -> outcome instanceof Queued)
                    .containsExactly(false, true);
        }

        private NewMessage withMadeId(String partition, String id) {
            return NewMessage.builder(UUID.randomUUID(), "q", partition, id, new byte[] {'1'})
                    .generatedTransactionId(true)
                    .build();
        }

        @Test
        void areFoundAmongPartitionsForgottenToSaveMemory() {
            try (var small = writer(Duration.ofHours(1), 10)) {
                for (int p = 0; p < 20; p++) {
                    small.write(List.of(message("p" + p, "1"), message("p" + p, "2")), List.of());
                    assertThat(small.rememberedIds()).isLessThanOrEqualTo(10);
                }
                for (int p = 0; p < 20; p++) {
                    assertThat(small.write(List.of(message("p" + p, "2")), List.of()))
                            .first()
                            .isInstanceOf(Duplicate.class);
                }
            }
        }

        @Test
        void areTheNewestIdsWhenOnePartitionHasMoreThanTheBound() {
            try (var small = writer(Duration.ofHours(1), 100)) {
                for (int i = 0; i < 10; i++) {
                    small.write(run(i * 50 + 1, i * 50 + 50), List.of());
                    assertThat(small.rememberedIds()).isLessThanOrEqualTo(100);
                }
                assertThat(small.write(run(500, 500), List.of())).first().isInstanceOf(Duplicate.class);
            }
        }

        @Test
        void areNoneOutsideTheWindow() {
            writer.write(run(1, 1), List.of());
            postgres.execute("update sluice.segments set created_at = created_at - interval '61 minutes'");
            assertThat(writer.write(run(1, 1), List.of())).first().isInstanceOf(Queued.class);
            postgres.execute("update sluice.segments set created_at = created_at - interval '61 minutes'");
            try (var cold = writer()) {
                assertThat(cold.write(run(1, 1), List.of())).first().isInstanceOf(Queued.class);
            }
        }

        @Test
        void areNoneWhenTheWindowIsZero() {
            try (var open = writer(Duration.ZERO, 100)) {
                var outcome = open.write(List.of(message("p", "same"), message("p", "same")), List.of());
                assertThat(outcome).allMatch(Queued.class::isInstance);
                assertThat(open.write(List.of(message("p", "same")), List.of())).allMatch(Queued.class::isInstance);
            }
        }

        @Test
        void areExactWithEightWritersAndOneKey() throws Exception {
            for (int round = 0; round < 20; round++) {
                String key = "key" + round;
                var outcomes = concurrently(
                        8,
                        writerOfOne -> writerOfOne
                                .write(List.of(message("p", key)), List.of())
                                .get(0));
                var queued = outcomes.stream()
                        .filter(Queued.class::isInstance)
                        .map(Queued.class::cast)
                        .toList();
                assertThat(queued).hasSize(1);
                assertThat(outcomes.stream().filter(Duplicate.class::isInstance).map(Duplicate.class::cast))
                        .hasSize(7)
                        .allMatch(
                                duplicate -> duplicate.id().equals(queued.get(0).id()));
            }
        }
    }

    private interface WriterWork<T> {
        T with(QueueWriter writer) throws Exception;
    }

    private <T> List<T> concurrently(int writers, WriterWork<T> work) throws Exception {
        var barrier = new CyclicBarrier(writers);
        var pool = Executors.newFixedThreadPool(writers);
        try {
            var tasks = new ArrayList<Callable<T>>();
            for (int i = 0; i < writers; i++) {
                tasks.add(() -> {
                    try (var mine = writer()) {
                        mine.storedOffset(SOURCE);
                        barrier.await(120, TimeUnit.SECONDS);
                        return work.with(mine);
                    }
                });
            }
            var results = new ArrayList<T>();
            for (Future<T> future : pool.invokeAll(tasks)) {
                results.add(future.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }

    @Nested
    class Scheduled {
        private NewMessage delayed(String transactionId, Duration delay) {
            NewMessage plain = message("p", transactionId);
            return NewMessage.builder(plain.id(), "q", "p", transactionId, plain.payload())
                    .producerSub("alice")
                    .delay(delay)
                    .build();
        }

        private void letTimePass() {
            postgres.execute("update sluice.scheduled set due_at = due_at - interval '1 hour'");
        }

        @Test
        void messagesWaitForTheirTimeAndComeInItsOrder() {
            var outcomes = writer.write(
                    List.of(
                            delayed("late", Duration.ofMinutes(2)),
                            delayed("soon", Duration.ofMinutes(1)),
                            message("p", "now"),
                            delayed("late too", Duration.ofMinutes(2))),
                    List.of());
            assertThat(outcomes.get(0)).isInstanceOf(PushOutcome.Scheduled.class);
            assertThat(outcomes.get(2)).isInstanceOf(Queued.class);
            assertThat(transactionIds("p")).containsExactly("now");
            assertThat(writer.releaseDue(10).messages()).isZero();
            assertThat(postgres.query("select min(due_at) - now() between interval '50 seconds' and interval '1 minute'"
                            + " from sluice.scheduled"))
                    .containsExactly("t");
            letTimePass();
            assertThat(writer.releaseDue(10)).isEqualTo(new QueueWriter.Released(3, java.util.Set.of("q")));
            assertThat(transactionIds("p")).containsExactly("now", "soon", "late", "late too");
            assertThat(postgres.query("select count(*) from sluice.scheduled")).containsExactly("0");
            assertThat(postgres.query("select scheduled from sluice.partitions"))
                    .containsExactly("0");
        }

        @Test
        void messagesWhoseTimeHasPassedAreNotHeldBack() {
            NewMessage plain = message("p", "past");
            var past = NewMessage.builder(plain.id(), "q", "p", "past", plain.payload())
                    .deliverAt(java.time.Instant.EPOCH)
                    .build();
            assertThat(writer.write(List.of(past), List.of())).first().isInstanceOf(Queued.class);
        }

        @Test
        void messagesAreAllDeliveredThoughTheIdsMadeForThemAreThoseOfOthers() {
            writer.write(List.of(withMadeId("made", null)), List.of());
            for (int time = 0; time < 2; time++) {
                assertThat(writer.write(List.of(withMadeId("made", Duration.ofHours(1))), List.of()))
                        .first()
                        .isInstanceOf(PushOutcome.Scheduled.class);
            }
            letTimePass();
            assertThat(writer.releaseDue(10).messages()).isEqualTo(2);
            assertThat(transactionIds("p")).containsExactly("made", "made", "made");
            assertThat(postgres.query("select head, scheduled from sluice.partitions"))
                    .containsExactly("3|0");
        }

        private NewMessage withMadeId(String id, @Nullable Duration delay) {
            return NewMessage.builder(UUID.randomUUID(), "q", "p", id, new byte[] {'1'})
                    .generatedTransactionId(true)
                    .delay(delay)
                    .build();
        }

        @Test
        void messagesAreFirstMessagesToo() {
            NewMessage waiting = delayed("same", Duration.ofMinutes(1));
            writer.write(List.of(waiting), List.of());
            try (var other = writer()) {
                assertThat(other.write(List.of(message("p", "same")), List.of()))
                        .first()
                        .isInstanceOfSatisfying(
                                Duplicate.class, it -> assertThat(it.id()).isEqualTo(waiting.id()));
                letTimePass();
                assertThat(other.releaseDue(10).messages()).isEqualTo(1);
                assertThat(other.write(List.of(message("p", "same")), List.of()))
                        .as("remembered by who released it")
                        .first()
                        .isInstanceOf(Duplicate.class);
            }
            assertThat(writer.write(List.of(message("p", "same")), List.of()))
                    .first()
                    .isInstanceOf(Duplicate.class);
            assertThat(transactionIds("p")).containsExactly("same");
        }

        @Test
        void messagesAreReleasedOnceByWritersThatRace() throws Exception {
            var messages = new ArrayList<NewMessage>();
            for (int i = 0; i < 200; i++) {
                messages.add(delayed("t" + i, Duration.ofMinutes(1)));
            }
            writer.write(messages, List.of());
            letTimePass();
            var released = concurrently(4, mine -> {
                int count = 0;
                for (int i = 0; i < 30; i++) {
                    count += mine.releaseDue(20).messages();
                }
                return count;
            });
            assertThat(released.stream().mapToInt(Integer::intValue).sum()).isEqualTo(200);
            assertThat(transactionIds("p")).hasSize(200).doesNotHaveDuplicates().startsWith("t0", "t1", "t2");
        }

        @Test
        void messagesWakeIdleConsumers() {
            var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
            var target = new PopTarget("q", null, "g");
            var request = List.of(new PopRequest(5, 1, false, Subscription.ALL));
            writer.write(List.of(delayed("t", Duration.ofMinutes(1))), List.of());
            assertThat(queue.pop(target, request).get(0).messages()).isEmpty();
            letTimePass();
            writer.releaseDue(1);
            assertThat(queue.pop(target, request).get(0).messages())
                    .first()
                    .satisfies(message -> assertThat(message.producerSub()).isEqualTo("alice"));
        }
    }

    @Nested
    class Sources {
        @Test
        void moveWithTheData() {
            assertThat(writer.storedOffset(SOURCE)).isEmpty();
            writer.write(run(1, 2), List.of(new SourceProgress(SOURCE, SourceProgress.NONE, 2)));
            assertThat(writer.storedOffset(SOURCE)).hasValue(2);
            writer.write(run(3, 3), List.of(new SourceProgress(SOURCE, 2, 3)));
            assertThat(writer.storedOffset(SOURCE)).hasValue(3);
        }

        @Test
        void thatSomebodyElseMovedWriteNothing() {
            writer.write(run(1, 2), List.of(new SourceProgress(SOURCE, SourceProgress.NONE, 2)));
            for (long expected : new long[] {SourceProgress.NONE, 1}) {
                assertThatThrownBy(() -> writer.write(run(3, 4), List.of(new SourceProgress(SOURCE, expected, 4))))
                        .isInstanceOfSatisfying(SourceMovedException.class, e -> {
                            assertThat(e.storedOffset()).isEqualTo(2);
                            assertThat(e.expectedOffset()).isEqualTo(expected);
                        });
            }
            assertThat(transactionIds("p")).containsExactly("t1", "t2");
            writer.write(run(3, 4), List.of(new SourceProgress(SOURCE, 2, 4)));
            assertThat(transactionIds("p")).containsExactly("t1", "t2", "t3", "t4");
        }

        @Test
        void moveOnWithoutMessages() {
            writer.write(List.of(), List.of(new SourceProgress(SOURCE, SourceProgress.NONE, 5)));
            assertThat(writer.storedOffset(SOURCE)).hasValue(5);
        }

        @Test
        void stayWhenTheWriteFails() {
            var bad = NewMessage.of(UUID.randomUUID(), "q", "p", "t", new byte[] {(byte) 0xff});
            assertThatThrownBy(() ->
                            writer.write(List.of(bad), List.of(new SourceProgress(SOURCE, SourceProgress.NONE, 1))))
                    .isInstanceOf(QueueException.class);
            assertThat(writer.storedOffset(SOURCE)).isEmpty();
        }
    }

    @Test
    void remembersWhatItKnewWhenItIsUsedAgainAfterItWasClosed() {
        writer.write(run(1, 3), List.of());
        writer.close();
        writer.write(run(3, 3), List.of());
        assertThat(writer.rememberedIds()).isEqualTo(3);
    }

    @Test
    void refusesAFlushThatDoesNotKnowItsPartitions() {
        assertThatThrownBy(() -> writer.session().run("flush", transaction -> {
                    boolean unused = transaction.write(new Flush(run(1, 1)));
                    return Ending.commit(true);
                }))
                .isInstanceOf(IllegalStateException.class);
    }

    /**
     * The server copies row by row, not a page at a time, where it must call a volatile function for a column left out.
     */
    @Test
    void copiesEveryColumnWhoseDefaultIsVolatile() {
        String copy = Statements.read("segment_copy.sql", "sluice")
                .get("copy-segments")
                .text();
        Set<String> copied =
                Set.of(copy.substring(copy.indexOf('(') + 1, copy.indexOf(')')).split(", *"));
        List<String> withVolatileDefault = postgres.query("""
                select a.attname
                from pg_attrdef d
                join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
                where d.adrelid = 'sluice.segments'::regclass
                  and exists (
                    select from regexp_matches(d.adbin::text, ':(?:op)?funcid (\\d+)', 'g') as called (function)
                    join pg_proc f on f.oid = called.function[1]::oid and f.provolatile = 'v')""");
        assertThat(withVolatileDefault).contains("created_at");
        assertThat(copied).containsAll(withVolatileDefault);
    }

    @Test
    void takesANewConnectionAfterTheServerCutTheOld() {
        writer.write(run(1, 1), List.of());
        postgres.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()");
        assertThatThrownBy(() -> writer.write(run(2, 2), List.of()))
                .isInstanceOfSatisfying(
                        QueueException.class, e -> assertThat(e.isTransient()).isTrue());
        assertThat(writer.releaseDue(1).messages()).isZero();
        assertThat(writer.rememberedIds()).as("the server is the same").isEqualTo(1);
        assertThat(writer.write(run(1, 2), List.of()))
                .extracting(outcome -> outcome instanceof Queued)
                .containsExactly(false, true);
    }
}
