package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Statements;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class QueueWriterTest extends WriterFixture {
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
                .as("bytes out of line")
                .containsExactly("0");
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("4000");
        assertThat(postgres.query("""
                select count(*) from sluice.segments s
                where pg_column_size(s.*) < 5500
                  and last_seq < (select head from sluice.partitions where id = s.partition_id)"""))
                .as("rows much smaller than a page, except the last of each run")
                .containsExactly("0");
    }

    @Test
    void derivesNamespaceAndTaskFromTheQueueName() {
        writer.write(List.of(message("a.b.c", "p", "1", "1"), message("plain", "p", "1", "1")), List.of());
        assertThat(postgres.query("select name, namespace, task from sluice.queues order by 1"))
                .containsExactly("a.b.c|a|b", "plain|plain|");
    }

    @Test
    void worksAfterADataError() {
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
    void keepsItsCacheIfAWriteIsRefused() {
        writer.write(run(1, 3), List.of());
        var bad = NewMessage.of(UUID.randomUUID(), "q", "p", "t", new byte[] {(byte) 0xff});
        assertThatThrownBy(() -> writer.write(List.of(bad), List.of())).isInstanceOf(QueueException.class);
        assertThat(writer.rememberedIds()).isEqualTo(3);
    }

    @Test
    void worksAfterAPartitionWasDeleted() {
        writer.write(run(1, 3), List.of());
        postgres.execute("delete from sluice.segments; delete from sluice.partitions; delete from sluice.queues");
        assertThat(writer.write(run(1, 2), List.of()))
                .extracting(outcome -> ((Queued) outcome).seq())
                .containsExactly(1L, 2L);
    }

    @Nested
    class Sources {
        @Test
        void moveWithTheMessages() {
            assertThat(writer.storedOffset(SOURCE)).isEmpty();
            writer.write(run(1, 2), List.of(new SourceProgress(SOURCE, SourceProgress.NONE, 2)));
            assertThat(writer.storedOffset(SOURCE)).hasValue(2);
            writer.write(run(3, 3), List.of(new SourceProgress(SOURCE, 2, 3)));
            assertThat(writer.storedOffset(SOURCE)).hasValue(3);
        }

        @Test
        void thatAnotherWriterMovedWriteNothing() {
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
        void moveWithoutMessages() {
            writer.write(List.of(), List.of(new SourceProgress(SOURCE, SourceProgress.NONE, 5)));
            assertThat(writer.storedOffset(SOURCE)).hasValue(5);
        }

        @Test
        void stayIfTheWriteFails() {
            var bad = NewMessage.of(UUID.randomUUID(), "q", "p", "t", new byte[] {(byte) 0xff});
            assertThatThrownBy(() ->
                            writer.write(List.of(bad), List.of(new SourceProgress(SOURCE, SourceProgress.NONE, 1))))
                    .isInstanceOf(QueueException.class);
            assertThat(writer.storedOffset(SOURCE)).isEmpty();
        }
    }

    @Test
    void keepsItsCacheAfterItWasClosed() {
        writer.write(run(1, 3), List.of());
        writer.close();
        writer.write(run(3, 3), List.of());
        assertThat(writer.rememberedIds()).isEqualTo(3);
    }

    @Test
    void refusesAFlushThatIsNotLocated() {
        assertThatThrownBy(() -> writer.session().run("flush", transaction -> {
                    boolean unused = transaction.write(new Flush(run(1, 1)));
                    return Ending.commit(true);
                }))
                .isInstanceOf(IllegalStateException.class);
    }

    /** If a column with a volatile default is left out, the server copies row by row instead of a page at a time. */
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
