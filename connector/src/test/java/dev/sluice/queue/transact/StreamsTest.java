package dev.sluice.queue.transact;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Message;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.Migration;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.transact.StreamCycle.Change;
import dev.sluice.queue.transact.StreamCycle.Refusal;
import dev.sluice.queue.transact.Streams.Part;
import dev.sluice.queue.transact.Streams.Registered;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StreamsTest {
    private static final String GROUP = "streams.sum";

    private AdministrationFixture fixture;
    private Streams streams;
    private TransactionExecutor cycles;
    private long query;

    @BeforeEach
    void open() {
        fixture = new AdministrationFixture();
        fixture.postgres.withoutSyncs();
        streams = new Streams(fixture.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        cycles = executor();
        query = streams.register("sum", "q", null, "h1", false).id();
    }

    @AfterEach
    void close() {
        cycles.close();
        fixture.close();
    }

    private TransactionExecutor executor() {
        return new TransactionExecutor(fixture.postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    private static Change put(String key, String value) {
        return new Change(key, value, null);
    }

    private static Acknowledgement upTo(PopResult popped, String transactionId, Verdict verdict) {
        return new Acknowledgement(
                GROUP, popped.messages().get(0).partitionId(), transactionId, popped.leaseId(), verdict, "why");
    }

    private StreamCycle.Outcome cycle(
            List<Change> changes, List<NewMessage> messages, @Nullable Acknowledgement upTo, boolean releases) {
        return cycles.run(new StreamCycle(query, fixture.partition("p"), changes, messages, upTo, releases));
    }

    private StreamCycle.Outcome cycle(String sum, PopResult popped, String transactionId, boolean releases) {
        return cycle(
                List.of(put("sum", sum)),
                List.of(message("sink", "p", "s-" + transactionId, sum)),
                upTo(popped, transactionId, Verdict.COMPLETED),
                releases);
    }

    private List<String> state() {
        return fixture.postgres.query("select key || '=' || value from sluice.stream_state order by key");
    }

    private List<String> sink() {
        return fixture.postgres.query("select payload from sluice.messages where queue = 'sink' order by seq");
    }

    private String cursor() {
        return fixture.one("select c.position || '/' || (c.lease_id is not null)::text from sluice.cursors c"
                + " join sluice.consumer_groups g on g.id = c.group_id where g.name = '" + GROUP + "'");
    }

    private void expireLeases() {
        fixture.postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second'" + " where lease_id is not null");
    }

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
    class Cycles {
        private PopResult popped;

        @BeforeEach
        void pop() {
            fixture.pushOneByOne(1, 4);
            popped = fixture.pop(GROUP, 3);
        }

        @Test
        void moveStateResultsAndCursorOnTogether() {
            StreamCycle.Outcome outcome = cycle("6", popped, "t3", true);
            assertThat(outcome.refusal()).isNull();
            assertThat(outcome.queue()).isEqualTo("q");
            assertThat(outcome.pushes()).hasOnlyElementsOfType(PushOutcome.Queued.class);
            assertThat(outcome.acknowledged()).isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", true, false));
            assertThat(state()).containsExactly("sum=6");
            assertThat(sink()).containsExactly("6");
            assertThat(cursor()).isEqualTo("3/false");
            assertThat(AdministrationFixture.transactionIds(fixture.pop(GROUP, 9)))
                    .containsExactly("t4");
            assertThat(fixture.broken()).isEmpty();
        }

        @Test
        void mayGiveBackWhatTheyHaveNotRead() {
            cycle("1", popped, "t1", true);
            assertThat(cursor()).isEqualTo("1/false");
            assertThat(AdministrationFixture.transactionIds(fixture.pop(GROUP, 9)))
                    .containsExactly("t2", "t3", "t4");
        }

        @Test
        void mayKeepTheLease() {
            assertThat(cycle("1", popped, "t1", false).acknowledged())
                    .isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", false, false));
            assertThat(cursor()).isEqualTo("1/true");
            assertThat(cycle("6", popped, "t3", false).acknowledged())
                    .isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", false, false));
            assertThat(cursor()).isEqualTo("3/true");
            assertThat(fixture.pop(GROUP, 9).messages()).isEmpty();
            assertThat(cycle("7", popped, "t3", true).acknowledged())
                    .isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", true, false));
            assertThat(cursor()).isEqualTo("3/false");
            assertThat(state()).containsExactly("sum=7");
            assertThat(fixture.broken()).isEmpty();
        }

        @Test
        void changeNothingWhenTheyComeAgain() {
            cycle("6", popped, "t3", true);
            StreamCycle.Outcome again = cycle("66", popped, "t3", true);
            assertThat(again.refusal()).isEqualTo(Refusal.LEASE_INVALID);
            assertThat(again.pushes()).isEmpty();
            assertThat(again.queue()).isEqualTo("q");
            assertThat(state()).containsExactly("sum=6");
            assertThat(sink()).containsExactly("6");
        }

        @Test
        void changeNothingWhenAnEarlierOneComesLate() {
            cycle("1", popped, "t1", false);
            cycle("3", popped, "t2", false);
            assertThat(cycle("1", popped, "t1", false).refusal()).isEqualTo(Refusal.LEASE_INVALID);
            assertThat(state()).containsExactly("sum=3");
        }

        @Test
        void changeNothingUnderALeaseThatIsOver() {
            expireLeases();
            assertThat(cycle("6", popped, "t3", true).refusal()).isEqualTo(Refusal.LEASE_INVALID);
            PopResult other = fixture.pop(GROUP, 3);
            assertThat(cycle("6", popped, "t3", true).refusal()).isEqualTo(Refusal.LEASE_INVALID);
            assertThat(state()).isEmpty();
            assertThat(sink()).isEmpty();
            assertThat(cycle("6", other, "t3", true).refusal()).isNull();
        }

        @Test
        void changeNothingForAMessageOutsideTheLease() {
            assertThat(cycle("9", popped, "t4", true).refusal()).isEqualTo(Refusal.NO_MESSAGE);
            assertThat(cycle("9", popped, "none", true).refusal()).isEqualTo(Refusal.NO_MESSAGE);
            var stranger = new Acknowledgement("nobody", fixture.partition("p"), "t1", null, Verdict.COMPLETED, null);
            assertThat(cycle(List.of(put("k", "1")), List.of(), stranger, true).refusal())
                    .isEqualTo(Refusal.NO_MESSAGE);
            assertThat(state()).isEmpty();
            assertThat(cursor()).isEqualTo("0/true");
        }

        @Test
        void doNotNeedToNameTheLease() {
            var unleased = new Acknowledgement(GROUP, fixture.partition("p"), "t4", null, Verdict.COMPLETED, null);
            assertThat(cycle(List.of(), List.of(), unleased, true).refusal()).isNull();
            assertThat(cursor()).isEqualTo("4/false");
        }

        @Test
        void makeADeadLetterOfTheMessageThatFailedAndReleaseTheRest() {
            StreamCycle.Outcome outcome =
                    cycle(List.of(put("sum", "1")), List.of(), upTo(popped, "t2", Verdict.FAILED), false);
            assertThat(outcome.acknowledged()).isEqualTo(new AcknowledgeOutcome.Acknowledged("q", "p", true, true));
            assertThat(fixture.postgres.query("select transaction_id, error, group_name from sluice.dead_letters"))
                    .containsExactly("t2|why|" + GROUP);
            assertThat(cursor()).isEqualTo("2/false");
            assertThat(state()).containsExactly("sum=1");
        }

        @Test
        void needNotReadAnything() {
            StreamCycle.Outcome outcome =
                    cycle(List.of(put("w", "1")), List.of(message("sink", "p", "x", "1")), null, true);
            assertThat(outcome.refusal()).isNull();
            assertThat(outcome.acknowledged()).isNull();
            assertThat(cursor()).isEqualTo("0/true");
            assertThat(state()).containsExactly("w=1");
        }

        @Test
        void leaveOutMessagesThatAreThere() {
            cycle("1", popped, "t1", false);
            StreamCycle.Outcome outcome = cycle(
                    List.of(),
                    List.of(message("sink", "p", "s-t1", "9"), message("sink", "p", "new", "2")),
                    upTo(popped, "t2", Verdict.COMPLETED),
                    false);
            assertThat(outcome.pushes().get(0)).isInstanceOf(PushOutcome.Duplicate.class);
            assertThat(outcome.pushes().get(1)).isInstanceOf(PushOutcome.Queued.class);
            assertThat(sink()).containsExactly("1", "2");
        }

        @Test
        void changeAKeyAsItsLastChangeSays() {
            cycle(List.of(put("a", "1"), put("b", "1"), put("c", "1")), List.of(), null, true);
            cycle(
                    List.of(
                            put("a", "2"),
                            put("a", "3"),
                            put("b", "2"),
                            new Change("b", null, null),
                            new Change("c", null, null),
                            put("c", "4"),
                            new Change("none", null, null)),
                    List.of(),
                    null,
                    true);
            assertThat(state()).containsExactly("a=3", "c=4");
        }

        @Test
        void pushIntoTheQueueTheyRead() {
            StreamCycle.Outcome outcome = cycle(
                    List.of(),
                    List.of(message("p", "echo"), message("q", "other", "o", "1")),
                    upTo(popped, "t3", Verdict.COMPLETED),
                    true);
            assertThat(outcome.refusal()).isNull();
            assertThat(fixture.broken()).isEmpty();
        }

        @Test
        void areRefusedWithoutTheirQueryOrPartition() {
            long partition = fixture.partition("p");
            assertThat(cycles.run(new StreamCycle(query + 9, partition, List.of(), List.of(), null, true)))
                    .isEqualTo(new StreamCycle.Outcome(null, Refusal.NO_QUERY, List.of(), null));
            assertThat(cycles.run(new StreamCycle(query, partition + 99, List.of(), List.of(), null, true)))
                    .isEqualTo(new StreamCycle.Outcome(null, Refusal.NO_PARTITION, List.of(), null));
        }

        @Test
        void ofTwoWorkersWithOneLeaseCountOnce() throws Exception {
            ExecutorService threads = Executors.newFixedThreadPool(4);
            try {
                var done = new ArrayList<Future<StreamCycle.Outcome>>();
                for (int i = 0; i < 4; i++) {
                    String sum = "sum of " + i;
                    done.add(threads.submit(() -> {
                        try (TransactionExecutor own = executor()) {
                            return own.run(new StreamCycle(
                                    query,
                                    fixture.partition("p"),
                                    List.of(put("sum", sum)),
                                    List.of(message("sink", "p", sum, "1")),
                                    upTo(popped, "t3", Verdict.COMPLETED),
                                    true));
                        }
                    }));
                }
                int committed = 0;
                for (Future<StreamCycle.Outcome> each : done) {
                    committed += each.get(60, TimeUnit.SECONDS).refusal() == null ? 1 : 0;
                }
                assertThat(committed).isEqualTo(1);
            } finally {
                threads.shutdownNow();
            }
            assertThat(sink()).hasSize(1);
        }
    }

    /** Workers that are robbed of their leases, and say everything twice, count every message once. */
    @Test
    void countsEveryMessageOnceHoweverTheWorkersFare() throws Exception {
        int messages = 300;
        int partitions = 3;
        for (int i = 0; i < messages; i++) {
            fixture.push(message("q", "p" + i % partitions, "t" + i, "1"));
        }
        fixture.configure(QueueOptions.DEFAULTS.toBuilder().redeliveryLimit(0)); // Being robbed makes no dead letter.
        fixture.pop(GROUP, 1); // Registers the group.
        expireLeases();
        var applied = new AtomicInteger();
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            var workers = new ArrayList<Future<?>>();
            for (int worker = 0; worker < 4; worker++) {
                workers.add(threads.submit(() -> {
                    work(messages, applied);
                    return null;
                }));
            }
            for (Future<?> each : workers) {
                each.get(60, TimeUnit.SECONDS);
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(fixture.one("select sum(value::integer) from sluice.stream_state"))
                .isEqualTo(String.valueOf(messages));
        assertThat(fixture.one("select count(*) || '/' || sum(payload::integer) from sluice.messages"
                        + " where queue = 'sink'"))
                .isEqualTo(applied.get() + "/" + messages);
        assertThat(fixture.broken()).isEmpty();
    }

    private void work(int messages, AtomicInteger applied) throws InterruptedException {
        try (TransactionExecutor own = executor()) {
            for (int round = 0; ; round++) {
                PopResult popped = fixture.queue
                        .pop(new PopTarget("q", null, GROUP), List.of(new PopRequest(7, 1, false, Subscription.ALL)))
                        .get(0);
                if (popped.messages().isEmpty()) {
                    if (fixture.one("select coalesce(sum(value::integer), 0) from sluice.stream_state")
                            .equals(String.valueOf(messages))) {
                        return;
                    }
                    TimeUnit.MILLISECONDS.sleep(5);
                    continue;
                }
                long partition = popped.messages().get(0).partitionId();
                List<Message> batch = popped.messages();
                if (round % 5 == 4) {
                    expireLeases();
                }
                List<Streams.Row> before =
                        streams.state(query, partition, Part.ALL).orElseThrow();
                int sum = before.isEmpty() ? 0 : Integer.parseInt(before.get(0).value());
                Message last = batch.get(batch.size() - 1);
                var cycle = new StreamCycle(
                        query,
                        partition,
                        List.of(put("sum", String.valueOf(sum + batch.size()))),
                        List.of(NewMessage.builder(
                        UUID.randomUUID(),
                        "sink",
                        "p",
                        UUID.randomUUID().toString(),
                        String.valueOf(batch.size()).getBytes(StandardCharsets.UTF_8))
                        .generatedTransactionId(true)
                        .build()),
                        new Acknowledgement(
                                GROUP, partition, last.transactionId(), popped.leaseId(), Verdict.COMPLETED, null),
                        true);
                for (int say = 0; say < 2; say++) {
                    if (own.run(cycle).refusal() == null) {
                        applied.incrementAndGet();
                    }
                }
            }
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
                            StreamsTest.put("", "null"),
                            StreamsTest.put("w%", "\"\\u0000\""),
                            StreamsTest.put("w\udbff\udfff", "1"),
                            StreamsTest.put("x", "[1, 2.50]")),
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
                    + " from sluice.stream_state")); // One key has a character of two units.
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
            assertThat(cycle(List.of(StreamsTest.put(longest, "1")), List.of(), null, true)
                            .refusal())
                    .isNull();
            assertThat(keys(List.of(), longest, null)).containsExactly(longest);
            assertThatThrownBy(() -> StreamsTest.put(longest + "k", "1"))
                    .hasMessage("key must have at most 512 characters, has 513");
            assertThatThrownBy(() -> StreamsTest.put("a\0", "1")).hasMessageContaining("U+0000");
        }

        @Test
        void goesWithItsPartition() {
            fixture.queues.delete("q");
            assertThat(state()).hasSize(6);
            fixture.retention.deleteRemains();
            assertThat(state()).isEmpty();
            assertThat(fixture.one("select count(*) from sluice.deletions")).isEqualTo("0");
        }

        @Test
        void keepsItsPartitionHoweverIdle() {
            fixture.queues.clear("q", null);
            fixture.postgres.execute("update sluice.partitions set last_push_at = now() - interval '1 year'");
            fixture.retention.deleteRemains();
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
            new QueueSchema(List.of(Migration.read("001_initial.sql")), 14).applyTo(old.dataSource(), "sluice");
            try (var writer = new QueueWriter(old.dataSource(), QueueWriterConfig.DEFAULTS)) {
                writer.write(Messages.run(1, 2), List.of());
            }
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
