package dev.sluice.bridge.notice;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What crosses a threshold is told once in the cluster, and again only after it was well below. */
class ThresholdsTest {
    private static final NoticeConfig CONFIG =
            new NoticeConfig("sluice", 10, Duration.ofMinutes(10), true, Duration.ZERO);

    private static TestPostgres postgres;

    private final List<AutoCloseable> open = new ArrayList<>();
    private final Set<String> woken = ConcurrentHashMap.newKeySet();

    @BeforeAll
    static void openDatabase() {
        postgres = TestPostgres.withSchema().withoutSyncs();
    }

    @AfterAll
    static void closeDatabase() {
        postgres.close();
    }

    @BeforeEach
    void empty() {
        postgres.execute(
                "delete from sluice.notices; delete from sluice.notice_checks; delete from sluice.dead_letters;"
                        + " delete from sluice.segments; delete from sluice.cursors; delete from"
                        + " sluice.consumer_groups;"
                        + " delete from sluice.partitions; delete from sluice.queues;"
                        + " insert into sluice.queues (name) values ('orders'), ('mail')");
    }

    @AfterEach
    void closeAll() throws Exception {
        for (AutoCloseable each : open) {
            each.close();
        }
    }

    private Thresholds bridge(NoticeConfig config) {
        var writer = new NoticeWriter(
                postgres.dataSource(), new QueueWriterConfig("sluice", Duration.ofHours(1), 1_000), woken::addAll);
        var thresholds = new Thresholds(config, postgres.dataSource(), writer);
        open.add(thresholds);
        open.add(writer);
        return thresholds;
    }

    private static List<String> told() {
        return postgres.query("select regexp_replace(payload, '\"at\":\"[^\"]*\"', '') from sluice.messages"
                + " where queue = 'sluice.events' and partition = 'notices' order by seq");
    }

    private static void letters(String queue, int number) {
        postgres.execute("delete from sluice.dead_letters where queue_id = (select id from sluice.queues where name = '"
                + queue
                + "'); insert into sluice.dead_letters (queue_id, partition_id, partition_name, seq, group_name,"
                + " message_id, transaction_id, payload, error, retries, created_at) select q.id, 1, 'p', i, 'g',"
                + " gen_random_uuid(), i::text, '{}', 'e', 0, now() from sluice.queues q, generate_series(1, " + number
                + ") i where q.name = '" + queue + "'");
    }

    @Test
    void deadLettersAboveTheThresholdAreToldOnceAndAgainOnlyAfterTheyWereWellBelow() {
        Thresholds first = bridge(CONFIG);
        Thresholds second = bridge(CONFIG);
        letters("orders", 10);
        letters("mail", 3);
        first.check();
        assertThat(told()).isEmpty();
        letters("orders", 11);
        first.check();
        second.check();
        String raised = "{\"event\":\"dead-letters\",\"type\":\"orders\",,\"queue\":\"orders\",\"threshold\":10}";
        assertThat(told()).containsExactly(raised);
        assertThat(woken).containsExactly("sluice.events");
        letters("orders", 9);
        first.check();
        letters("orders", 12);
        second.check();
        assertThat(told()).containsExactly(raised); // It was not well below in between.
        letters("orders", 8);
        first.check();
        String ended = raised.replace("dead-letters", "dead-letters-ended");
        assertThat(told()).containsExactly(raised, ended);
        letters("orders", 11);
        second.check();
        assertThat(told()).containsExactly(raised, ended, raised);
        postgres.execute("delete from sluice.dead_letters");
        first.check();
        assertThat(told()).hasSize(4).last().isEqualTo(ended);
    }

    private static void oldest(String age) {
        postgres.execute("update sluice.segments set created_at = now() - interval '" + age + "' where partition_id ="
                + " (select id from sluice.partitions where name = 'p')");
    }

    @Test
    void aBacklogThatGetsOldIsToldWithItsGroup() {
        postgres.execute("insert into sluice.partitions (queue_id, name, head) select id, 'p', 1 from sluice.queues"
                + " where name = 'orders'; insert into sluice.segments (partition_id, first_seq, last_seq, ids,"
                + " transaction_ids, payloads, payload_bytes) select id, 1, 1, array[gen_random_uuid()], array['t'],"
                + " array['{}'], 2 from sluice.partitions; insert into sluice.consumer_groups (queue_id, name,"
                + " subscription_mode) select id, 'billing', 'all' from sluice.queues where name = 'orders';"
                + " insert into sluice.cursors (group_id, partition_id, lane, position, available_at) select"
                + " g.id, p.id,"
                + " 2, 0, now() from sluice.consumer_groups g, sluice.partitions p");
        Thresholds bridge = bridge(CONFIG);
        oldest("9 minutes");
        bridge.check();
        assertThat(told()).isEmpty();
        oldest("11 minutes");
        bridge.check();
        bridge.check();
        String raised = "{\"event\":\"backlog\",\"type\":\"orders\",,\"queue\":\"orders\","
                + "\"consumerGroup\":\"billing\",\"thresholdMs\":600000}";
        assertThat(told()).containsExactly(raised);
        oldest("9 minutes");
        bridge.check();
        assertThat(told()).containsExactly(raised);
        oldest("7 minutes");
        bridge.check();
        assertThat(told()).containsExactly(raised, raised.replace("backlog", "backlog-ended"));
    }

    @Test
    void aBreakerIsToldOnceWhicheverProcessOpensIt() {
        Thresholds first = bridge(CONFIG);
        Thresholds second = bridge(CONFIG);
        first.breaker("mail", "", true);
        until(() -> told().size() == 1);
        second.breaker("mail", "", true);
        second.breaker("mail", "smtp.example", true);
        until(() -> told().size() == 2);
        first.breaker("mail", "", false);
        until(() -> told().size() == 3);
        assertThat(told())
                .containsExactly(
                        "{\"event\":\"breaker-opened\",\"type\":\"mail\",,\"target\":null}",
                        "{\"event\":\"breaker-opened\",\"type\":\"mail\",,\"target\":\"smtp.example\"}",
                        "{\"event\":\"breaker-opened-ended\",\"type\":\"mail\",,\"target\":null}");
        second.breaker("mail", "smtp.example", true);
        postgres.execute("update sluice.notices set raised_at = now() - interval '61 minutes'");
        second.breaker("mail", "smtp.example", true); // Who has told it may have died since.
        until(() -> told().size() == 4);
    }

    @Test
    void whatIsSwitchedOffIsNotTold() {
        Thresholds off = bridge(new NoticeConfig("sluice", 0, Duration.ZERO, false, Duration.ZERO));
        letters("orders", 1_000);
        off.check();
        off.breaker("mail", "", true);
        off.close();
        assertThat(told()).isEmpty();
    }

    @Test
    void oneBridgeChecksInAnInterval() {
        NoticeConfig hourly = new NoticeConfig("sluice", 10, Duration.ZERO, true, Duration.ofHours(1));
        bridge(hourly).check();
        letters("orders", 11);
        bridge(hourly).check();
        assertThat(told()).isEmpty();
    }

    private static void until(Callable<Boolean> condition) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(5))
                .until(condition);
    }
}
