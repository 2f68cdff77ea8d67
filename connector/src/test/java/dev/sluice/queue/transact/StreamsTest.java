package dev.sluice.queue.transact;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.OldSchema;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.transact.StreamCycle.Change;
import dev.sluice.queue.transact.Streams.Part;
import dev.sluice.queue.transact.Streams.Registered;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StreamsTest extends StreamFixture {
    @Nested
    class Queries {
        @Test
        void keepTheirIdAndStateWhileTheyComputeTheSameWay() {
            fixture.pushOneByOne(1, 1);
            cycle(List.of(put("k", "1")), List.of(), null, true);
            assertThat(streams.register("sum", "q2", "sink", "h1", true))
                    .isEqualTo(new Streams.Query(query, Registered.SAME));
            assertThat(fixture.one("select source_queue || sink_queue from sluice.stream_queries"))
                    .isEqualTo("q2sink");
            assertThat(state()).containsExactly("k=1");
        }

        @Test
        void loseTheirStateOnlyIfSomebodySaysSo() {
            fixture.pushOneByOne(1, 1);
            cycle(List.of(put("k", "1")), List.of(), null, true);
            long other = streams.register("other", "q", null, "h1", false).id();
            cycles.run(new StreamCycle(other, fixture.partition("p"), List.of(put("o", "1")), List.of(), null, true));
            assertThat(streams.register("sum", "q", null, "h2", false))
                    .isEqualTo(new Streams.Query(query, Registered.MISMATCH));
            assertThat(state()).containsExactly("k=1", "o=1");
            assertThat(streams.register("sum", "q", null, "h2", true))
                    .isEqualTo(new Streams.Query(query, Registered.RESET));
            assertThat(state()).containsExactly("o=1");
            assertThat(streams.register("sum", "q", null, "h2", false).registered())
                    .isEqualTo(Registered.SAME);
        }

        @Test
        void areRegisteredOnceHoweverManyTry() {
            List<Registered> all = List.of(1, 2, 3, 4, 5, 6, 7, 8).parallelStream()
                    .map(i ->
                            streams.register("together", "q", null, "h", false).registered())
                    .toList();
            assertThat(all).containsOnlyOnce(Registered.FRESH);
            assertThat(all).contains(Registered.SAME).doesNotContain(Registered.RESET, Registered.MISMATCH);
        }

        @Test
        void haveNamesAsQueuesHave() {
            String longest = "n".repeat(NewMessage.MAX_NAME_LENGTH);
            assertThat(streams.register(longest, longest, longest, longest, false)
                            .registered())
                    .isEqualTo(Registered.FRESH);
            assertThatThrownBy(() -> streams.register(longest + "n", "q", null, "h", false))
                    .hasMessageContaining("name must have at most 255");
            assertThatThrownBy(() -> streams.register("n", "q", null, longest + "h", false))
                    .hasMessageContaining("config_hash must have at most 255");
        }
    }

    @Nested
    class State {
        @BeforeEach
        void put() {
            fixture.pushOneByOne(1, 1);
            cycle(
                    List.of(
                            new Change("w:1", "{\"windowEnd\":10}", 10.0),
                            new Change("w:2", "{\"windowEnd\":20.5}", 20.5),
                            StreamFixture.put("", "null"),
                            StreamFixture.put("w%", "\"\\u0000\""),
                            StreamFixture.put("w\udbff\udfff", "1"),
                            StreamFixture.put("x", "[1, 2.50]")),
                    List.of(),
                    null,
                    true);
        }

        private List<String> keys(List<String> keys, String prefix, @Nullable Double ripeAt) {
            return streams.state(query, fixture.partition("p"), new Part(keys, prefix, ripeAt)).orElseThrow().stream()
                    .map(Streams.Row::key)
                    .toList();
        }

        @Test
        void comesByKeyAsItWasPut() {
            List<Streams.Row> rows =
                    streams.state(query, fixture.partition("p"), Part.ALL).orElseThrow();
            assertThat(rows).extracting(Streams.Row::key).containsExactly("", "w%", "w:1", "w:2", "w\udbff\udfff", "x");
            assertThat(rows).extracting(Streams.Row::value).contains("\"\\u0000\"", "[1, 2.50]");
            assertThat(rows.get(0).updatedAt()).isNotNull();
        }

        @Test
        void comesInTheParts() {
            assertThat(keys(List.of("x", "w:2", "none"), "", null)).containsExactly("w:2", "x");
            assertThat(keys(List.of(), "w:", null)).containsExactly("w:1", "w:2");
            assertThat(keys(List.of(), "w%", null)).containsExactly("w%");
            assertThat(keys(List.of(), "w", null)).containsExactly("w%", "w:1", "w:2", "w\udbff\udfff");
            assertThat(keys(List.of(), "", 20.5)).containsExactly("w:1", "w:2");
            assertThat(keys(List.of(), "", 20.4)).containsExactly("w:1");
            assertThat(keys(List.of("w:1", "x"), "w", 99.0)).containsExactly("w:1");
        }

        @Test
        void isNothingElsewhere() {
            assertThat(streams.state(query + 1, fixture.partition("p"), Part.ALL))
                    .hasValue(List.of());
            assertThat(streams.state(query, fixture.partition("p") + 9, Part.ALL))
                    .hasValue(List.of());
        }

        @Test
        void isRefusedRatherThanCut() {
            var source = fixture.postgres.dataSource();
            long partition = fixture.partition("p");
            assertThat(new Streams(source, "sluice", PayloadCipher.NONE, 6, 1000).state(query, partition, Part.ALL))
                    .isPresent();
            assertThat(new Streams(source, "sluice", PayloadCipher.NONE, 5, 1000).state(query, partition, Part.ALL))
                    .isEmpty();
            int characters = Integer.parseInt(fixture.one("select sum(length(key) + length(value)) + 1"
                    + " from sluice.stream_state")); // One key has a surrogate pair.
            assertThat(new Streams(source, "sluice", PayloadCipher.NONE, 9, characters)
                            .state(query, partition, Part.ALL))
                    .isPresent();
            assertThat(new Streams(source, "sluice", PayloadCipher.NONE, 9, characters - 1)
                            .state(query, partition, Part.ALL))
                    .isEmpty();
        }

        @Test
        void hasKeysUpToALength() {
            String longest = "\u20ac".repeat(StreamCycle.MAX_KEY_LENGTH);
            assertThat(cycle(List.of(StreamFixture.put(longest, "1")), List.of(), null, true)
                            .refusal())
                    .isNull();
            assertThat(keys(List.of(), longest, null)).containsExactly(longest);
            assertThatThrownBy(() -> StreamFixture.put(longest + "k", "1"))
                    .hasMessage("key must have at most 512 characters, has 513");
            assertThatThrownBy(() -> StreamFixture.put("a\0", "1")).hasMessageContaining("U+0000");
        }

        @Test
        void goesWithItsPartition() {
            fixture.queues.delete("q");
            assertThat(state()).hasSize(6);
            fixture.retention.sweep();
            assertThat(state()).isEmpty();
            assertThat(fixture.one("select count(*) from sluice.deletions")).isEqualTo("0");
        }

        @Test
        void keepsItsPartitionHoweverIdle() {
            fixture.queues.clear("q", null);
            fixture.postgres.execute("update sluice.partitions set last_push_at = now() - interval '1 year'");
            fixture.retention.sweep();
            var retention =
                    new Retention(fixture.postgres.dataSource(), "sluice", Duration.ofDays(30), (q, a, c, w) -> {});
            retention.sweep();
            assertThat(fixture.queues.findPartition("q", "p")).isPresent();
            fixture.postgres.execute("delete from sluice.stream_state");
            retention.sweep();
            assertThat(fixture.queues.findPartition("q", "p")).isEmpty();
        }
    }

    @Test
    void stateOfAnEncryptedQueueIsEncrypted() {
        fixture.pushOneByOne(1, 1);
        fixture.configure(QueueOptions.DEFAULTS.toBuilder().encryptionEnabled(true));
        assertThatThrownBy(() -> cycle(List.of(put("k", "\"secret\"")), List.of(), null, true))
                .isInstanceOfSatisfying(
                        QueueException.class, e -> assertThat(e.isTransient()).isTrue())
                .hasMessageContaining("no key to encrypt with");
        assertThat(state()).isEmpty();
        PayloadCipher cipher = PayloadCipher.of("k1:" + "0f".repeat(32), null);
        var source = fixture.postgres.dataSource();
        var config = new QueueWriterConfig("sluice", Duration.ofHours(1), 1000, cipher);
        try (var sealing = new TransactionExecutor(source, config)) {
            sealing.run(new StreamCycle(
                    query, fixture.partition("p"), List.of(put("k", "\"secret\"")), List.of(), null, true));
        }
        assertThat(fixture.one("select value from sluice.stream_state"))
                .contains("\"keyId\":\"k1\"")
                .doesNotContain("secret");
        assertThat(new Streams(source, "sluice", cipher)
                        .state(query, fixture.partition("p"), Part.ALL)
                        .orElseThrow()
                        .get(0)
                        .value())
                .isEqualTo("\"secret\"");
    }

    @Test
    void comeToASchemaOfTheFirstVersionWithWhatIsInIt() {
        try (TestPostgres old = TestPostgres.empty()) {
            OldSchema.apply(old.dataSource());
            // As a program of that version wrote them.
            old.execute("insert into sluice.queues (name, namespace) values ('q', 'q');"
                    + "insert into sluice.partitions (queue_id, name, head) select id, 'p', 2 from sluice.queues;"
                    + "insert into sluice.segments"
                    + " (partition_id, first_seq, last_seq, ids, transaction_ids, payloads, payload_bytes)"
                    + " select id, 1, 2, array[gen_random_uuid(), gen_random_uuid()], array['t1', 't2'],"
                    + " array['{}', '{}'], 4 from sluice.partitions");
            QueueSchema.apply(old.dataSource(), "sluice");
            var upgraded = new Streams(old.dataSource(), "sluice", PayloadCipher.NONE);
            long id = upgraded.register("sum", "q", null, "h", false).id();
            var queue = new Queue(old.dataSource(), new QueueConfig("sluice"));
            PopResult popped = queue.pop(
                            new PopTarget("q", null, GROUP), List.of(new PopRequest(9, 1, false, Subscription.ALL)))
                    .get(0);
            try (var executor = new TransactionExecutor(old.dataSource(), QueueWriterConfig.DEFAULTS)) {
                assertThat(executor.run(new StreamCycle(
                                        id,
                                        popped.messages().get(0).partitionId(),
                                        List.of(put("k", "1")),
                                        List.of(),
                                        upTo(popped, "t2", Verdict.COMPLETED),
                                        true))
                                .refusal())
                        .isNull();
            }
            assertThat(old.query("select position from sluice.cursors")).containsExactly("2");
        }
    }
}
