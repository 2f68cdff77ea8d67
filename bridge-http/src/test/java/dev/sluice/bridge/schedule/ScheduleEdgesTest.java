package dev.sluice.bridge.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.schedule.Registry.ConflictException;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriterConfig;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Schedules that others lock, change or declare, and times at the limits of what the database keeps. */
class ScheduleEdgesTest {
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private static TestPostgres postgres;

    private final List<ScheduleService> open = new ArrayList<>();

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

    private static ScheduleConfig config(PayloadCipher cipher, ScheduleConfig.Declared... declared) {
        return new ScheduleConfig(
                "sluice", cipher, Duration.ofMinutes(1), 100, 10_000, Duration.ofMillis(200), List.of(declared));
    }

    private static QueueWriterConfig writer(PayloadCipher cipher) {
        return new QueueWriterConfig("sluice", Duration.ofHours(1), 10_000, cipher);
    }

    private ScheduleService make(ScheduleConfig config, DataSource dataSource) {
        var service = new ScheduleService(config, dataSource, writer(config.cipher()), queues -> {});
        open.add(service);
        return service;
    }

    private ScheduleService make(ScheduleConfig.Declared... declared) {
        return make(config(PayloadCipher.NONE, declared), postgres.dataSource());
    }

    private static ScheduleSpec spec(String name, Timetable.Text timetable, Instant start, String payload) {
        return new ScheduleSpec(
                name, "", timetable, start, null, Missed.ALL, ScheduleTarget.queue(name, null, payload, Map.of()));
    }

    private static Timetable.Text every(String period) {
        return new Timetable.Text("every", period, "UTC");
    }

    private static Schedule secondly(ScheduleService service, String name) throws ConflictException {
        return service.registry().create(now -> spec(name, every("PT1S"), now, "1"));
    }

    private static List<String> messages(String queue) {
        return postgres.query(
                "select unnest(s.transaction_ids) from sluice.segments s join sluice.partitions p on p.id ="
                        + " s.partition_id join sluice.queues q on q.id = p.queue_id where q.name = '" + queue + "'");
    }

    private static void until(Callable<Boolean> condition) {
        await().atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(20))
                .until(condition);
    }

    @Test
    void aBridgeWaitsForARowThatAnotherOneHasLocked() throws Exception {
        var connections = new AtomicInteger();
        ScheduleService service = make(config(PayloadCipher.NONE), counting(connections));
        String name = unique("locked");
        secondly(service, name);
        postgres.execute(
                "update sluice.schedules set next_at = now() - interval '1 second' where name = '" + name + "'");
        String other = unique("clock");
        secondly(service, other);
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("select * from sluice.schedules where name = '" + name + "' for update");
            service.start();
            until(() -> messages(other).size() >= 1);
            int before = connections.get();
            long start = System.nanoTime();
            until(() -> messages(other).size() >= 2);
            double seconds = (System.nanoTime() - start) / 1e9;
            assertThat(connections.get() - before)
                    .as("looks in " + seconds + " s")
                    .isLessThan((int) (25 * seconds) + 5);
            connection.rollback();
        }
        until(() -> !messages(name).isEmpty());
    }

    /** Returns a data source that counts the connections that it gives. */
    private static DataSource counting(AtomicInteger connections) {
        DataSource real = postgres.dataSource();
        return (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("getConnection")) {
                        connections.incrementAndGet();
                    }
                    return method.invoke(real, arguments);
                });
    }

    @Test
    void aTimeThatIsFinerThanThatOfTheDatabaseIsFiredOnce() throws Exception {
        ScheduleService service = make();
        String name = unique("fine");
        service.registry()
                .create(now -> spec(
                        name,
                        new Timetable.Text(
                                "once", now.plusMillis(100).plusNanos(100).toString(), "UTC"),
                        now,
                        "1"));
        service.start();
        until(() -> !messages(name).isEmpty());
        until(() -> service.registry().find(name).orElseThrow().times().nextAt() == null);
        assertThat(messages(name)).hasSize(1);
    }

    @Test
    void aClockThatWentBackFiresNoTickAgainAfterAChange() throws Exception {
        ScheduleService service = make();
        String name = unique("back");
        Schedule made = service.registry().create(now -> spec(name, every("PT1H"), now.minusSeconds(60), "1"));
        // The clock went back five hours: the newest tick that was fired is ahead of it.
        postgres.execute(
                "update sluice.schedules set last_tick = next_at + interval '5 hours', next_at = next_at + interval"
                        + " '6 hours' where name = '" + name + "'");
        Instant next = made.times().nextAt().plus(Duration.ofHours(6));
        service.registry().pause(name);
        assertThat(service.registry().resume(name).orElseThrow().times().nextAt())
                .isEqualTo(next);
        Schedule changed = service.registry()
                .update(name, before -> spec(name, every("PT30M"), before.startsAt(), "1"))
                .orElseThrow();
        assertThat(changed.times().nextAt()).isEqualTo(next.minus(Duration.ofMinutes(30)));
    }

    @Test
    void anEndThatTheConfigurationMovesCounts() {
        String name = unique("end");
        Instant start = Instant.now().truncatedTo(ChronoUnit.SECONDS).minusSeconds(7200);
        assertThat(nextAfter(name, start, start.plusSeconds(3600))).as("ended").isNull();
        assertThat(nextAfter(name, start, null)).as("goes on").isAfter(Instant.now());
        assertThat(nextAfter(name, start, start.plusSeconds(7300)))
                .as("ended again")
                .isNull();
    }

    /** Returns the next tick after a bridge has started whose configuration has a schedule of each hour. */
    private Instant nextAfter(String name, Instant start, Instant end) {
        ScheduleTarget target = ScheduleTarget.queue(name, null, "1", Map.of());
        ScheduleSpec spec = new ScheduleSpec(name, "", every("PT1H"), start, end, Missed.SKIP, target);
        ScheduleService service = make(new ScheduleConfig.Declared(spec, false));
        service.registry().declare(List.of(new ScheduleConfig.Declared(spec, false)));
        return service.registry().find(name).orElseThrow().times().nextAt();
    }

    @Test
    void bridgesThatStartTogetherDeclareOneAfterTheOtherAlsoInAnEmptyTable() throws Exception {
        String name = unique("together");
        ScheduleSpec spec = spec(name, every("PT1H"), Instant.now(), "1");
        ScheduleService service = make();
        CompletableFuture<List<String>> refused;
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("select pg_advisory_xact_lock(hashtextextended('sluice.schedules', 0))");
            refused = CompletableFuture.supplyAsync(
                    () -> service.registry().declare(List.of(new ScheduleConfig.Declared(spec, true))));
            until(() -> !postgres.query("select pid::text from pg_stat_activity where datname = current_database() and"
                            + " wait_event = 'advisory'")
                    .isEmpty());
            connection.rollback();
        }
        assertThat(refused.get()).isEmpty();
    }

    @Test
    void runsAndTicksDoNotLockEachOtherOut() throws Exception {
        ScheduleService service = make();
        String name = unique("run");
        secondly(service, name);
        service.runNow(name);
        Set<String> ids = new HashSet<>(messages(name));
        CompletableFuture<?> run;
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("select * from sluice.schedules where name = '" + name + "' for update");
            run = CompletableFuture.supplyAsync(() -> service.runNow(name));
            until(() -> !postgres.query("select pid::text from pg_stat_activity where datname = current_database() and"
                            + " wait_event_type = 'Lock'")
                    .isEmpty());
            // A bridge that fires has the row and goes on to the partition, so the run must not hold that yet.
            assertThat(postgres.query(
                            "select p.id::text from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                                    + " where q.name = '" + name + "' for update of p skip locked"))
                    .hasSize(1);
            connection.rollback();
        }
        run.get();
        assertThat(messages(name)).hasSize(ids.size() + 1);
    }
}
