package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Statements.Sql;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Pops from all queues of a namespace and task. */
class PopAcrossTest {
    private static final PopTarget SHOP = across("shop", null, PopTarget.DEFAULT_GROUP);

    private static final Pattern BUFFERS = Pattern.compile("Buffers: shared hit=(\\d+)");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private QueueWriter writer;
    private Queue queue;

    @BeforeEach
    void open() {
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
    }

    @AfterEach
    void close() {
        writer.close();
    }

    private static PopTarget across(String namespace, String task, String group) {
        return new PopTarget(new Across(namespace, task), group);
    }

    private void push(String queueName, String partition, String... transactionIds) {
        writer.write(
                List.of(transactionIds).stream()
                        .map(id -> message(queueName, partition, id, "1"))
                        .toList(),
                List.of());
    }

    private PopResult pop(PopTarget target, PopRequest request) {
        return queue.pop(target, List.of(request)).get(0);
    }

    private static PopRequest request(int batch, int partitions) {
        return new PopRequest(batch, partitions, false, Subscription.ALL);
    }

    private static PopRequest onlyNew(int batch) {
        return new PopRequest(batch, 1, true, Subscription.NEW);
    }

    private static List<String> ids(PopResult result) {
        return result.messages().stream().map(Message::transactionId).toList();
    }

    private List<AcknowledgeOutcome> complete(PopTarget target, PopResult result) {
        return queue.acknowledge(result.messages().stream()
                .map(each -> new Acknowledgement(
                        target.group(),
                        each.partitionId(),
                        each.transactionId(),
                        result.leaseId(),
                        Verdict.COMPLETED,
                        null))
                .toList());
    }

    private void letTimePass() {
        postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second' where available_at > now()");
    }

    @Test
    void findsTheQueuesWhoseNamespaceAndTaskAreTheGiven() {
        push("shop.orders", "p", "a");
        push("shop.bills.x", "p", "b");
        push("store.orders", "p", "c");
        push("shop", "p", "d");
        assertThat(ids(pop(across("shop", null, "g1"), request(10, 10)))).containsExactlyInAnyOrder("a", "b", "d");
        assertThat(ids(pop(across("shop", "orders", "g2"), request(10, 10)))).containsExactly("a");
        assertThat(ids(pop(across(null, "orders", "g3"), request(10, 10)))).containsExactlyInAnyOrder("a", "c");
        assertThat(ids(pop(across("shop", "", "g4"), request(10, 10)))).containsExactly("d");
        assertThat(pop(across("none", null, "g5"), request(10, 10)).status()).isEqualTo(Status.QUEUE_NOT_FOUND);
        assertThatThrownBy(() -> new Across(null, null)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void goesByWhatTheQueueIsConfiguredToBe() {
        new Queues(postgres.dataSource(), "sluice").configure("plain", "shop", "orders", QueueOptions.DEFAULTS);
        push("plain", "p", "a");
        assertThat(pop(SHOP, request(1, 1)).messages())
                .singleElement()
                .satisfies(each -> assertThat(each.queue()).isEqualTo("plain"));
        assertThat(queue.namespaces(List.of("plain", "none")))
                .isEqualTo(Map.of("plain", new QueueNamespace("shop", "orders")));
    }

    @Test
    void takesSeveralPartitionsOfSeveralQueuesUnderOneLeaseUpToTheBatch() {
        push("shop.a", "p", "a1", "a2");
        push("shop.b", "p", "b1", "b2");
        push("shop.c", "p", "c1", "c2");
        PopResult result = pop(SHOP, request(5, 10));
        assertThat(ids(result)).containsExactly("a1", "a2", "b1", "b2", "c1");
        assertThat(result.messages())
                .extracting(Message::queue)
                .startsWith("shop.a")
                .endsWith("shop.c");
        assertThat(result.partitionsClaimed()).isEqualTo(3);
        assertThat(postgres.query("select distinct lease_id from sluice.cursors where lease_id is not null"))
                .containsExactly(String.valueOf(result.leaseId()));
        assertThat(complete(SHOP, result)).allMatch(Acknowledged.class::isInstance);
        assertThat(ids(pop(SHOP, request(5, 10)))).containsExactly("c2");
    }

    @Test
    void givesEachConsumerThatWaitsItsOwnPartition() {
        push("shop.a", "p", "a");
        push("shop.b", "p", "b");
        List<PopResult> results = queue.pop(SHOP, List.of(request(5, 1), request(5, 1), request(5, 1)));
        assertThat(results).extracting(result -> result.messages().size()).containsExactly(1, 1, 0);
        assertThat(results.get(2).nextReadyIn()).isBetween(Duration.ofSeconds(290), Duration.ofSeconds(300));
    }

    @Test
    void withAutoAckLeavesNoLease() {
        push("shop.a", "p", "a1", "a2");
        PopResult result = pop(SHOP, new PopRequest(1, 1, true, Subscription.ALL));
        assertThat(result.leaseId()).isNull();
        assertThat(ids(pop(SHOP, request(5, 1)))).containsExactly("a2");
    }

    @Test
    void startsLongestReadyFirstWhateverTheQueue() {
        for (int i = 1; i <= 4; i++) {
            for (String name : List.of("shop.b", "shop.a", "shop.c")) {
                push(name, "p" + i, name + i);
            }
        }
        pop(SHOP, new PopRequest(1, 1, false, Subscription.ALL));
        letTimePass();
        // The group registered on all queues at once. From here on, each cursor becomes ready at its own time.
        postgres.execute("update sluice.cursors c set available_at = p.last_push_at, lease_id = null, lease_end = null"
                + " from sluice.partitions p where p.id = c.partition_id");
        var expected = new ArrayList<String>();
        for (int i = 1; i <= 4; i++) {
            expected.addAll(List.of("shop.b" + i, "shop.a" + i, "shop.c" + i));
        }
        var taken = new ArrayList<String>();
        taken.addAll(ids(pop(SHOP, request(10, 5))));
        taken.addAll(ids(pop(SHOP, request(10, 1))));
        taken.addAll(ids(pop(SHOP, request(10, 10))));
        assertThat(taken).isEqualTo(expected);
    }

    @Test
    void servesUrgentQueuesFirst() {
        var queues = new Queues(postgres.dataSource(), "sluice");
        for (int priority : new int[] {-1, 5, 0, 20}) {
            var options = QueueOptions.DEFAULTS.toBuilder().priority(priority).build();
            queues.configure("shop." + priority, "shop", "x", options);
            push("shop." + priority, "p", "of" + priority);
        }
        var taken = new ArrayList<String>();
        for (int i = 0; i < 4; i++) {
            taken.addAll(ids(pop(SHOP, request(1, 1))));
        }
        assertThat(taken).containsExactly("of20", "of5", "of0", "of-1");
    }

    @Test
    void takesOthersWhenThoseLongestReadyAreBeingClaimed() throws SQLException {
        push("shop.a", "p1", "a1");
        push("shop.a", "p2", "a2");
        push("shop.b", "p1", "b1");
        pop(across("shop", null, PopTarget.DEFAULT_GROUP), request(1, 1));
        letTimePass();
        try (Connection other = postgres.dataSource().getConnection();
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("select from sluice.cursors c join sluice.partitions p on p.id = c.partition_id"
                    + " join sluice.queues q on q.id = p.queue_id where q.name = 'shop.a' for update of c");
            assertThat(ids(pop(SHOP, request(1, 1)))).containsExactly("b1");
            assertThat(pop(SHOP, request(3, 3)).messages()).isEmpty();
            other.rollback();
        }
        assertThat(ids(pop(SHOP, request(3, 3)))).containsExactlyInAnyOrder("a1", "a2");
    }

    @Test
    void buriesWhatEndsItsConsumersUnderTheLimitOfItsQueue() {
        var queues = new Queues(postgres.dataSource(), "sluice");
        queues.configure(
                "shop.a",
                "shop",
                "a",
                QueueOptions.DEFAULTS.toBuilder().redeliveryLimit(2).build());
        push("shop.a", "p", "bad", "good");
        push("shop.b", "p", "b");
        for (int i = 0; i < 2; i++) {
            assertThat(pop(SHOP, request(10, 10)).messages()).isNotEmpty();
            letTimePass();
        }
        assertThat(ids(pop(SHOP, request(10, 10)))).containsExactlyInAnyOrder("good", "b");
        assertThat(postgres.query("select transaction_id, group_name from sluice.dead_letters"))
                .containsExactly("bad|" + PopTarget.DEFAULT_GROUP);
    }

    @Test
    void holdsBackWhatIsTooYoungForItsQueueAndSaysWhenThatEnds() {
        var queues = new Queues(postgres.dataSource(), "sluice");
        queues.configure(
                "shop.late",
                "shop",
                "late",
                QueueOptions.DEFAULTS.toBuilder()
                        .delayedProcessing(Duration.ofSeconds(60))
                        .build());
        queues.configure(
                "shop.window",
                "shop",
                "window",
                QueueOptions.DEFAULTS.toBuilder()
                        .windowBuffer(Duration.ofSeconds(100))
                        .build());
        push("shop.late", "p", "late");
        push("shop.window", "p", "window");
        push("shop.now", "p", "now");
        assertThat(ids(pop(SHOP, new PopRequest(10, 10, true, Subscription.ALL))))
                .containsExactly("now");
        PopResult nothing = pop(SHOP, request(10, 10));
        assertThat(nothing.status()).isEqualTo(Status.EMPTY);
        assertThat(nothing.nextReadyIn()).isBetween(Duration.ofSeconds(40), Duration.ofSeconds(60));
        postgres.execute("update sluice.segments set created_at = now() - interval '61 seconds'");
        letTimePass();
        assertThat(ids(pop(SHOP, request(10, 10)))).containsExactly("late");
        postgres.execute("update sluice.partitions set last_push_at = now() - interval '101 seconds'");
        letTimePass();
        assertThat(ids(pop(SHOP, request(10, 10)))).contains("window");
    }

    @Nested
    class AGroup {
        @Test
        void isRegisteredOnAllQueuesByItsFirstPop() {
            push("shop.a", "p", "a");
            push("shop.b", "p", "b");
            push("store", "p", "c");
            pop(SHOP, request(1, 1));
            assertThat(
                            postgres.query(
                                    "select q.name from sluice.consumer_groups g join sluice.queues q on q.id = g.queue_id order by 1"))
                    .containsExactly("shop.a", "shop.b");
            push("shop.c", "p", "c");
            assertThat(ids(pop(SHOP, request(9, 9)))).contains("c");
        }

        @Test
        void thatIsNewGetsOnlyWhatIsPushedAfterItsFirstPop() {
            push("shop.a", "p", "old");
            PopTarget target = across("shop", null, "late");
            assertThat(ids(pop(target, onlyNew(9)))).isEmpty();
            push("shop.a", "p", "new");
            assertThat(ids(pop(target, onlyNew(9)))).containsExactly("new");
        }

        @Test
        void thatIsNewGetsTheFirstMessageOfAQueueThatComesLater() {
            for (Across scope : List.of(
                    new Across("shop", null),
                    new Across("shop", "x"),
                    new Across(null, "x"),
                    new Across("other", null))) {
                assertThat(pop(new PopTarget(scope, "g" + scope), onlyNew(9)).messages())
                        .isEmpty();
            }
            push("shop.x", "p", "first");
            push("shop.x", "r", "second");
            for (Across scope : List.of(new Across("shop", null), new Across("shop", "x"), new Across(null, "x"))) {
                var target = new PopTarget(scope, "g" + scope);
                assertThat(ids(pop(target, onlyNew(9)))).containsExactly("first");
                assertThat(ids(pop(target, onlyNew(9)))).containsExactly("second");
            }
            assertThat(pop(new PopTarget(new Across("other", null), "gother"), onlyNew(9))
                            .messages())
                    .isEmpty();
            // The group does not miss a second new queue either.
            push("shop.x.2", "p", "third");
            assertThat(ids(pop(new PopTarget(new Across("shop", "x"), "g" + new Across("shop", "x")), onlyNew(9))))
                    .containsExactly("third");
        }

        @Test
        void thatIsNewGetsTheFirstMessageOfAQueueConfiguredIntoTheNamespace() {
            PopTarget target = across("shop", null, "g");
            pop(target, onlyNew(9));
            new Queues(postgres.dataSource(), "sluice").configure("made", "shop", "x", QueueOptions.DEFAULTS);
            push("made", NewMessage.DEFAULT_PARTITION, "first");
            assertThat(ids(pop(target, onlyNew(9)))).containsExactly("first");
        }

        @Test
        void thatIsNewMissesNothingOfAQueueMovedIntoTheNamespaceAfterItBeganToWait() {
            push("elsewhere", "p", "before");
            postgres.execute("update sluice.segments set created_at = created_at - interval '1 minute'");
            PopTarget target = across("shop", null, "g");
            pop(target, onlyNew(9));
            push("elsewhere", "p", "after");
            postgres.execute("update sluice.queues set namespace = 'shop'");
            assertThat(ids(pop(target, onlyNew(9)))).containsExactly("after");
        }

        @Test
        void thatStartsAtATimeDoesSoOnEveryQueue() {
            push("shop.a", "p", "old");
            postgres.execute("update sluice.segments set created_at = now() - interval '2 hours'");
            push("shop.a", "p", "young");
            var from = new Subscription(Subscription.Mode.ALL, Instant.now().minusSeconds(3600));
            PopTarget target = across("shop", null, "timed");
            assertThat(ids(pop(target, new PopRequest(9, 9, true, from)))).containsExactly("young");
            push("shop.b", "p", "later");
            assertThat(ids(pop(target, new PopRequest(9, 9, true, from)))).containsExactly("later");
        }

        @Test
        void keepsItsSubscriptionWhateverLaterPopsSay() {
            PopTarget target = across("shop", null, "g");
            pop(target, onlyNew(1));
            push("away", "p", "before");
            postgres.execute("update sluice.segments set created_at = created_at - interval '1 minute'");
            postgres.execute("update sluice.queues set namespace = 'shop'");
            assertThat(pop(target, request(9, 9)).messages()).isEmpty();
            assertThat(postgres.query("select count(*) from sluice.pending_subscriptions_across"))
                    .containsExactly("1");
        }

        @Test
        void isForgottenWithWhatItWaitsFor() {
            PopTarget target = across("shop", null, "g");
            pop(target, onlyNew(1));
            var groups = new ConsumerGroups(postgres.dataSource(), "sluice");
            groups.delete("g", "shop.a");
            assertThat(postgres.query("select count(*) from sluice.pending_subscriptions_across"))
                    .containsExactly("1");
            groups.delete("g", null);
            assertThat(postgres.query("select count(*) from sluice.pending_subscriptions_across"))
                    .containsExactly("0");
        }

        @Test
        void isRegisteredOnceByConsumersThatComeTogetherWhileQueuesAreMade() throws Exception {
            int queues = 20;
            var pool = Executors.newFixedThreadPool(7);
            Map<String, Boolean> taken = new ConcurrentHashMap<>();
            try {
                var tasks = new ArrayList<Callable<Void>>();
                tasks.add(() -> {
                    for (int i = 0; i < queues; i++) {
                        push("shop.q" + i, "p", "first" + i);
                    }
                    return null;
                });
                PopTarget target = across("shop", null, "g");
                pop(target, onlyNew(1));
                for (int c = 0; c < 6; c++) {
                    tasks.add(() -> {
                        long deadline =
                                System.nanoTime() + Duration.ofSeconds(60).toNanos();
                        while (taken.size() < queues && System.nanoTime() < deadline) {
                            for (String id : ids(pop(target, new PopRequest(3, 2, true, Subscription.NEW)))) {
                                assertThat(taken.put(id, true))
                                        .as("%s before", id)
                                        .isNull();
                            }
                        }
                        return null;
                    });
                }
                for (var future : pool.invokeAll(tasks)) {
                    future.get();
                }
            } finally {
                pool.shutdownNow();
            }
            assertThat(taken).hasSize(queues);
        }
    }

    /** A pop reads only the ready cursors that it may lease. */
    @Test
    void costsNoMoreWithManyPartitions() throws SQLException {
        push("shop.a", "p", "a");
        push("shop.b", "p", "b");
        pop(SHOP, request(1, 1));
        long few = buffers();
        postgres.execute("insert into sluice.partitions (queue_id, name, head)"
                + " select q.id, 'n' || i, 1 from sluice.queues q, generate_series(1, 10000) i;"
                + " insert into sluice.cursors (group_id, partition_id, lane, position, available_at)"
                + " select g.id, p.id, 2, 0, now() - i.n * interval '1 second' from sluice.partitions p"
                + " join sluice.consumer_groups g on g.queue_id = p.queue_id"
                + " cross join lateral (select substr(p.name, 2)::int as n) i where p.name <> 'p';"
                + " analyze sluice.partitions, sluice.cursors, sluice.queues, sluice.consumer_groups");
        assertThat(buffers()).isLessThan(few + 60);
    }

    /** Returns how many pages the statement touches, from the plan of PostgreSQL. */
    private long buffers() throws SQLException {
        Sql ready = Statements.read("ready_cursors.sql", "sluice").get("ready-across");
        var explained = new Sql("explain (analyze, buffers, timing off) " + ready.text(), ready.parameters());
        try (Connection connection = postgres.dataSource().getConnection();
                var statement = new BoundStatement(connection, explained)
                        .set("group", PopTarget.DEFAULT_GROUP)
                        .set("namespace", "shop")
                        .set("task", (String) null)
                        .set("limit", 1);
                ResultSet row = statement.query()) {
            while (row.next()) {
                Matcher buffers = BUFFERS.matcher(row.getString(1));
                if (buffers.find()) { // The first line is the sum of the plan.
                    return Long.parseLong(buffers.group(1));
                }
            }
        }
        throw new AssertionError("no buffers in the plan");
    }
}
