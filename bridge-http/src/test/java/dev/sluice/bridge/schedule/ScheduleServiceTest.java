package dev.sluice.bridge.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.schedule.Registry.ConflictException;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Schedules push their messages: each tick once, whatever happens to bridges and clocks. */
class ScheduleServiceTest {
    private static final String KEY = "k1:" + "0123456789abcdef".repeat(4);
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private static TestPostgres postgres;

    private final List<ScheduleService> open = new ArrayList<>();
    private final Set<String> woken = ConcurrentHashMap.newKeySet();

    @BeforeAll
    static void openDatabase() {
        postgres = TestPostgres.withSchema().withoutSyncs();
    }

    @AfterAll
    static void closeDatabase() {
        postgres.close();
    }

    @AfterEach
    void closeAll() {
        open.forEach(ScheduleService::close);
        postgres.execute("delete from sluice.schedules");
    }

    private static String unique(String beginning) {
        return beginning + NUMBER.incrementAndGet();
    }

    private static ScheduleConfig config(ScheduleConfig.Declared... declared) {
        return config(10_000, declared);
    }

    private static ScheduleConfig config(int most, ScheduleConfig.Declared... declared) {
        return new ScheduleConfig(
                "sluice",
                PayloadCipher.of(KEY, null),
                Duration.ofMinutes(1),
                5,
                most,
                Duration.ofMillis(200),
                List.of(declared));
    }

    private ScheduleService make(ScheduleConfig config) {
        var service = new ScheduleService(
                config,
                postgres.dataSource(),
                new QueueWriterConfig("sluice", Duration.ofHours(1), 10_000, config.cipher()),
                woken::addAll);
        open.add(service);
        return service;
    }

    private ScheduleService start() {
        ScheduleService service = make(config());
        service.start();
        return service;
    }

    private static ScheduleSpec spec(String name, Timetable.Text timetable, Instant start, ScheduleTarget target) {
        return new ScheduleSpec(name, "", timetable, start, null, Missed.ONCE, target);
    }

    private static ScheduleTarget to(String queue) {
        return ScheduleTarget.queue(queue, null, "{\"tick\":true}", Map.of());
    }

    private static Timetable.Text every(String period) {
        return new Timetable.Text("every", period, "UTC");
    }

    private static Schedule secondly(ScheduleService service, String name, String queue) throws ConflictException {
        return service.registry().create(now -> spec(name, every("PT1S"), now, to(queue)));
    }

    private static List<String> messages(String queue) {
        return postgres.query(
                "select unnest(s.transaction_ids) from sluice.segments s join sluice.partitions p on p.id ="
                        + " s.partition_id join sluice.queues q on q.id = p.queue_id where q.name = '" + queue
                        + "' order by s.first_seq");
    }

    private static void until(Callable<Boolean> condition) {
        await().atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(20))
                .until(condition);
    }

    /** Lets a schedule be due as if its next tick had been so long ago. */
    private static void miss(String name, String interval) {
        postgres.execute("update sluice.schedules set next_at = next_at - interval '" + interval
                + "', starts_at = starts_at - interval '" + interval + "' where name = '" + name + "'");
    }

    @Test
    void aScheduleIsFiredAtItsTicksAndWakesItsConsumers() throws Exception {
        ScheduleService service = start();
        String queue = unique("ticks");
        Schedule made = secondly(service, queue, queue);
        until(() -> messages(queue).size() >= 2);
        Instant first = made.times().nextAt();
        assertThat(messages(queue))
                .startsWith("schedule:" + queue + ":" + first, "schedule:" + queue + ":" + first.plusSeconds(1));
        until(() -> woken.contains(queue));
        Schedule now = service.registry().find(queue).orElseThrow();
        assertThat(now.counts().fired()).isGreaterThanOrEqualTo(2);
        assertThat(now.times().lastTick()).isAfterOrEqualTo(first.plusSeconds(1));
        assertThat(service.counts().fired()).isGreaterThanOrEqualTo(2);
    }

    @Test
    void severalBridgesFireEachTickOnce() throws Exception {
        List<ScheduleService> bridges = List.of(start(), start(), start());
        String queue = unique("shared");
        for (int i = 0; i < 30; i++) {
            secondly(bridges.get(i % 3), queue + "." + i, queue);
        }
        until(() -> messages(queue).size() >= 60);
        assertThat(messages(queue)).doesNotHaveDuplicates();
    }

    @Test
    void aBridgeThatDiesWhileItFiresHasFiredNothing() throws Exception {
        String queue = unique("dies");
        ScheduleService dying = make(config());
        Schedule made = secondly(dying, queue, queue);
        miss(queue, "10 seconds");
        try (var connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            try (var statement = connection.createStatement()) {
                // The row is locked, as it is while another bridge fires it. That bridge dies: its lock ends.
                statement.execute("select * from sluice.schedules where name = '" + queue + "' for update");
                ScheduleService living = start();
                String other = unique("meanwhile");
                secondly(living, other, other);
                until(() -> messages(other).size() >= 1);
                assertThat(messages(queue)).as("while another bridge has it").isEmpty();
            }
            connection.rollback();
        }
        until(() -> !messages(queue).isEmpty());
        assertThat(messages(queue)).doesNotHaveDuplicates();
        assertThat(made.counts().fired()).isZero();
    }

    @Test
    void aClockThatJumpsAheadMissesTicksAsThePolicySays() throws Exception {
        ScheduleService service = make(config());
        for (Missed missed : Missed.values()) {
            String name = unique("jump-" + missed.text());
            service.registry()
                    .create(now ->
                            new ScheduleSpec(name, "", every("PT1H"), now.minusSeconds(1800), null, missed, to(name)));
            miss(name, "8 hours");
        }
        service.start();
        until(() -> service.registry().list(null, 10).stream()
                .allMatch(each -> each.counts().fired() + each.counts().skipped() == 8));
        for (Schedule each : service.registry().list(null, 10)) {
            long fired = each.counts().fired();
            assertThat(fired)
                    .isEqualTo(
                            switch (each.spec().missed()) {
                                case SKIP -> 0;
                                case ONCE -> 1;
                                case ALL -> 5;
                            });
            assertThat(messages(each.spec().name())).hasSize((int) fired).doesNotHaveDuplicates();
        }
    }

    @Test
    void aClockThatGoesBackFiresNoTickAgain() throws Exception {
        ScheduleService service = start();
        String queue = unique("back");
        secondly(service, queue, queue);
        until(() -> !messages(queue).isEmpty());
        // A clock that went back an hour is an hour before the next tick.
        postgres.execute(
                "update sluice.schedules set next_at = next_at + interval '1 hour' where name = '" + queue + "'");
        List<String> before = messages(queue);
        String other = unique("after");
        secondly(service, other, other);
        until(() -> messages(other).size() >= 2);
        assertThat(messages(queue)).isEqualTo(before);
    }

    @Test
    void oneTimeIsFiredOnceAndHasNoNextTick() throws Exception {
        ScheduleService service = start();
        String queue = unique("once");
        service.registry()
                .create(now -> spec(
                        queue, new Timetable.Text("once", now.plusMillis(300).toString(), "UTC"), now, to(queue)));
        until(() -> messages(queue).size() == 1);
        assertThat(service.registry().find(queue).orElseThrow().times().nextAt())
                .isNull();
    }

    @Test
    void aPausedScheduleIsNotFiredAndLeavesOutWhatItWouldHaveFired() throws Exception {
        ScheduleService service = start();
        String queue = unique("paused");
        service.registry().create(now -> spec(queue, every("PT1H"), now.minusSeconds(1800), to(queue)));
        assertThat(service.registry().pause(queue).orElseThrow().times().pausedAt())
                .isNotNull();
        miss(queue, "5 hours");
        String other = unique("goes-on");
        secondly(service, other, other);
        until(() -> messages(other).size() >= 1);
        assertThat(messages(queue)).isEmpty();
        Schedule resumed = service.registry().resume(queue).orElseThrow();
        assertThat(resumed.times().pausedAt()).isNull();
        assertThat(resumed.times().nextAt()).isAfter(Instant.now().minusSeconds(60));
        until(() -> messages(other).size() >= 3);
        assertThat(messages(queue)).isEmpty();
    }

    @Test
    void runNowFiresOnceMoreAndKeepsTheTicks() throws Exception {
        ScheduleService service = start();
        String queue = unique("now");
        Schedule made = service.registry().create(now -> spec(queue, every("PT1H"), now.plusSeconds(600), to(queue)));
        assertThat(service.runNow(queue)).isPresent();
        assertThat(service.runNow("none")).isEmpty();
        assertThat(messages(queue)).hasSize(1).first().asString().startsWith("schedule:" + queue + ":run:");
        assertThat(service.registry().find(queue).orElseThrow().times().nextAt())
                .isEqualTo(made.times().nextAt());
    }

    @Test
    void aWorkIsEnqueuedInItsLaneOrWithItsKey() throws Exception {
        ScheduleService service = start();
        String type = unique("report");
        service.registry()
                .create(now -> spec(
                        type, every("PT1S"), now, ScheduleTarget.work(type, null, PriorityLane.HIGH, "1", Map.of())));
        String keyed = unique("keyed");
        service.registry()
                .create(now -> spec(
                        keyed, every("PT1S"), now, ScheduleTarget.work(keyed, "a", PriorityLane.LOW, "1", Map.of())));
        until(() -> !messages("work." + type).isEmpty()
                && !messages("work." + keyed).isEmpty());
        assertThat(partitions("work." + type)).allMatch(name -> name.startsWith("~high."));
        assertThat(partitions("work." + keyed)).containsExactly("a");
        assertThat(woken).contains("work." + type);
    }

    private static List<String> partitions(String queue) {
        return postgres.query(
                "select distinct p.name from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                        + " where q.name = '" + queue + "'");
    }

    @Test
    void aScheduleThatCannotBeFiredHoldsUpNoOther() throws Exception {
        ScheduleService service = make(new ScheduleConfig(
                "sluice", PayloadCipher.NONE, Duration.ofMinutes(1), 5, 100, Duration.ofMillis(200), List.of()));
        String secret = unique("secret");
        postgres.execute("insert into sluice.queues (name, encryption_enabled) values ('" + secret + "', true)");
        secondly(service, secret, secret);
        String queue = unique("fine");
        secondly(service, queue, queue);
        service.start();
        until(() -> messages(queue).size() >= 2);
        until(() -> service.registry().find(secret).orElseThrow().counts().failure() != null);
        Schedule failed = service.registry().find(secret).orElseThrow();
        assertThat(failed.counts().failure()).contains("encrypted").contains("encryption.keys");
        assertThat(messages(secret)).isEmpty();
        assertThat(service.counts().failures()).isPositive();
    }

    @Test
    void aScheduleThatThisServiceCannotReadHoldsUpNoOtherAndCanBeDeleted() throws Exception {
        ScheduleService service = make(config());
        String bad = unique("unreadable");
        secondly(service, bad, bad);
        postgres.execute(
                "update sluice.schedules set kind = 'cron', expression = '0 0 * * *', zone = 'Mars/Olympus' where"
                        + " name = '" + bad + "'");
        String queue = unique("fine");
        secondly(service, queue, queue);
        service.start();
        until(() -> messages(queue).size() >= 2);
        until(() -> service.registry().find(bad).orElseThrow().counts().failure() != null);
        Schedule shown = service.registry().find(bad).orElseThrow();
        assertThat(shown.counts().failure()).contains("Mars/Olympus");
        assertThat(shown.spec().words()).contains("not readable");
        assertThat(service.registry().delete(bad)).isTrue();
    }

    @Test
    void aLockThatSomebodyHoldsOnAQueueHoldsUpNoOther() throws Exception {
        ScheduleService service = start();
        String held = unique("held");
        secondly(service, held, held);
        until(() -> !messages(held).isEmpty());
        try (var connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            try (var statement = connection.createStatement()) {
                statement.execute("select * from sluice.schedules where name = '" + held + "' for update");
                String queue = unique("goes-on");
                secondly(service, queue, queue);
                until(() -> messages(queue).size() >= 2);
            }
            connection.rollback();
        }
    }

    @Test
    void aServiceWithoutTheKeyChangesNothingOfASchedule() throws Exception {
        String queue = unique("other-key");
        ScheduleService owner = make(config());
        owner.registry()
                .create(now -> spec(
                        queue,
                        every("PT1H"),
                        now.plusSeconds(600),
                        ScheduleTarget.queue(queue, null, "{\"a\":1}", Map.of("x-a", "b"))));
        ScheduleService stranger = make(new ScheduleConfig(
                "sluice",
                PayloadCipher.of("k2:" + "fedcba9876543210".repeat(4), null),
                Duration.ofMinutes(1),
                5,
                100,
                Duration.ofMillis(200),
                List.of()));
        assertThat(stranger.registry().find(queue).orElseThrow().spec().target().isReadable())
                .isFalse();
        assertThatThrownBy(() -> stranger.registry().update(queue, before -> before))
                .isInstanceOf(ConflictException.class)
                .hasMessageContaining("key");
        ScheduleTarget kept = owner.registry().find(queue).orElseThrow().spec().target();
        assertThat(kept.payload()).isEqualTo("{\"a\":1}");
        assertThat(kept.headers()).containsEntry("x-a", "b");
    }

    @Test
    void payloadsOfSchedulesAreEncryptedIfThereIsAKey() throws Exception {
        ScheduleService service = make(config());
        String queue = unique("sealed");
        service.registry()
                .create(now -> spec(
                        queue,
                        every("PT1H"),
                        now.plusSeconds(600),
                        ScheduleTarget.queue(queue, null, "{\"token\":\"plain\"}", Map.of("x-a", "plain"))));
        assertThat(postgres.query("select payload || headers from sluice.schedules where name = '" + queue + "'"))
                .noneMatch(text -> text.contains("plain"));
        ScheduleTarget read =
                service.registry().find(queue).orElseThrow().spec().target();
        assertThat(read.payload()).isEqualTo("{\"token\":\"plain\"}");
        assertThat(read.headers()).containsEntry("x-a", "plain");
    }

    @Test
    void theConfigurationDecidesAboutItsOwnSchedulesOnly() throws Exception {
        String queue = unique("declared");
        ScheduleService first =
                make(config(declared(queue + ".a", "PT1H", queue), declared(queue + ".b", "PT1H", queue)));
        secondly(first, queue + ".http", queue);
        first.start();
        until(() -> names(first).size() == 3);
        Schedule before = first.registry().find(queue + ".a").orElseThrow();
        assertThat(before.isFromFile()).isTrue();
        assertThatThrownBy(() -> first.registry().delete(queue + ".a"))
                .isInstanceOf(ConflictException.class)
                .hasMessageContaining("configuration");
        assertThatThrownBy(() -> first.registry().update(queue + ".a", spec -> spec))
                .isInstanceOf(ConflictException.class);

        ScheduleService second =
                make(config(declared(queue + ".a", "PT1H", queue), declared(queue + ".http", "PT1H", queue)));
        second.start();
        until(() -> names(second).equals(List.of(queue + ".a", queue + ".http")));
        assertThat(second.registry().find(queue + ".a").orElseThrow().times().nextAt())
                .as("the same file changes nothing")
                .isEqualTo(before.times().nextAt());
        assertThat(second.registry().find(queue + ".http").orElseThrow().isFromFile())
                .isFalse();
    }

    private static ScheduleConfig.Declared declared(String name, String every, String queue) {
        return new ScheduleConfig.Declared(spec(name, every(every), Instant.EPOCH, to(queue)), true);
    }

    private static List<String> names(ScheduleService service) {
        return service.registry().list(null, 100).stream()
                .map(each -> each.spec().name())
                .toList();
    }

    @Test
    void whatCannotBeMadeIsRefusedAndChangesNothing() throws Exception {
        ScheduleService service = make(config(1));
        String queue = unique("limits");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> service.registry()
                        .create(now -> spec(queue, new Timetable.Text("cron", "0 0 31 2 *", "UTC"), now, to(queue))))
                .withMessageContaining("never fire");
        Schedule made = secondly(service, queue, queue);
        assertThatThrownBy(() -> secondly(service, queue + "2", queue))
                .isInstanceOf(ConflictException.class)
                .hasMessageContaining("scheduling.max");
        assertThatIllegalArgumentException().isThrownBy(() -> ScheduleSpec.checkName("a/b"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ScheduleTarget.queue(
                        queue, null, "\"" + "x".repeat(ScheduleTarget.MAX_PAYLOAD - 1) + "\"", Map.of()))
                .withMessageContaining("payload");
        assertThat(ScheduleTarget.queue(
                        queue, null, "\"" + "x".repeat(ScheduleTarget.MAX_PAYLOAD - 2) + "\"", Map.of()))
                .isNotNull();
        assertThat(service.registry().list(null, 10)).containsExactly(made);
        assertThat(service.registry().delete(queue)).isTrue();
        assertThat(service.registry().delete(queue)).isFalse();
    }

    @Test
    void aScheduleThatIsChangedFiresAsItSaysThen() throws Exception {
        ScheduleService service = start();
        String queue = unique("changed");
        String other = unique("target");
        service.registry().create(now -> spec(queue, every("PT1H"), now.plusSeconds(600), to(queue)));
        service.registry()
                .update(
                        queue,
                        before -> new ScheduleSpec(
                                queue, "", every("PT1S"), Instant.now(), null, Missed.SKIP, to(other)));
        until(() -> messages(other).size() >= 2);
        assertThat(messages(queue)).isEmpty();
    }

    @Test
    void whileTheDatabaseIsAwayNothingIsLostAndItGoesOnAfterwards() throws Exception {
        ScheduleService service = start();
        String queue = unique("away");
        Schedule made = secondly(service, queue, queue);
        until(() -> !messages(queue).isEmpty());
        postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and"
                + " backend_type = 'client backend'");
        await().ignoreExceptions() // The connections of this test were ended too.
                .atMost(Duration.ofSeconds(30))
                .until(() -> messages(queue).size() >= 4);
        Instant first = made.times().nextAt();
        List<String> fired = messages(queue);
        for (int i = 0; i < fired.size(); i++) {
            assertThat(fired.get(i)).isEqualTo("schedule:" + queue + ":" + first.plusSeconds(i));
        }
    }

    @Test
    void aThousandSchedulesThatAreDueAtOnceAreFiredInBatches() {
        ScheduleService service = make(config());
        String queue = unique("many");
        postgres.execute(
                "insert into sluice.schedules (name, kind, expression, zone, starts_at, missed, queue, is_work, lane,"
                        + " payload, from_file, next_at) select '" + queue
                        + ".' || n, 'every', 'PT24H', 'UTC', now() - interval '1 second', 'once', '"
                        + queue
                        + "', false, 2, '1', false, now() - interval '1 second' from generate_series(1, 1000) n");
        service.start();
        until(() -> messages(queue).size() >= 1000);
        assertThat(messages(queue)).hasSize(1000).doesNotHaveDuplicates();
    }
}
