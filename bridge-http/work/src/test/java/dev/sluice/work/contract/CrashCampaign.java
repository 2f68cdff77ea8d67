package dev.sluice.work.contract;

import static dev.sluice.work.contract.WorkFixture.until;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.slf4j.LoggerFactory;

/**
 * Three processes handle works. Some of them are killed by {@code kill -9} in the middle of works, others are stopped
 * by {@code SIGTERM}, and new ones take their places. Checks that no work is lost, and that attempts and crashes are
 * counted exactly.
 *
 * <p>When a process has died and its connections have ended, the rows say which works it had begun: each has one crash
 * more from then on, and no other work has. So the campaign knows the crashes of each work without asking the engine.
 *
 * <p>A run of the command: {@code CrashCampaign SEEDS [WORKS]}. {@code CrashTest} has a short form.
 */
final class CrashCampaign {
    private static final int PROCESSES = 3;
    private static final int WORKERS = 4;
    private static final int KEYS = 7;
    private static final int FAILS_EVERY = 11;
    private static final int MANY_CRASHES = 1_000;

    private static final String BEGUN = "select s.ids[(seq - s.first_seq + 1)::integer] from sluice.work_claims c"
            + " cross join generate_series(c.first_seq, c.last_seq) seq"
            + " join sluice.segments s on s.partition_id = c.partition_id and seq between s.first_seq and s.last_seq"
            + " where c.owner = ':owner' and not c.done @> seq"
            + " union all select i.message_id from sluice.work_items i where i.owner = ':owner'";

    private final TestPostgres postgres;
    private final Random random;
    private final int works;
    private final int stops;
    private final List<Pool> pools = new ArrayList<>();
    private final Map<String, Integer> crashes = new HashMap<>();
    private int started;
    private int kills;

    /** A process, and the name of its connections. */
    private record Pool(Process process, String name) {}

    /**
     * Makes a campaign.
     *
     * @param stops how many processes are killed or stopped; the first is killed
     */
    CrashCampaign(TestPostgres postgres, long seed, int works, int stops) {
        this.postgres = postgres;
        this.random = new Random(seed);
        this.works = works;
        this.stops = stops;
    }

    /** Runs the campaign with seeds from 1. */
    public static void main(String[] words) throws Exception {
        ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
        int works = words.length > 1 ? Integer.parseInt(words[1]) : 1_000;
        for (long seed = 1; seed <= Long.parseLong(words[0]); seed++) {
            try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
                System.out.println("seed " + seed + ": " + new CrashCampaign(postgres, seed, works, 6).run());
            }
        }
        System.exit(0);
    }

    /** Runs the campaign. Returns what happened. */
    String run() throws Exception {
        postgres.execute(DyingPool.TABLE);
        // Counts how often a key gets its result.
        postgres.execute("create table completions (key text);"
                + " create function completed() returns trigger language plpgsql as"
                + " $$ begin insert into completions values (new.key); return new; end $$;"
                + " create trigger completed after update on sluice.work_keys for each row"
                + " when (new.finished_at is not null) execute function completed()");
        try (WorkBuffer producer = WorkBuffer.builder(postgres.dataSource()).start()) {
            producer.pause("deadly");
            producer.enqueue(works());
            for (int i = 0; i < PROCESSES; i++) {
                startPool();
            }
            until(() -> count("select count(distinct application_name) from pg_stat_activity"
                            + " where application_name like 'pool-%' and datname = current_database()")
                    == PROCESSES);
            producer.resume("deadly");
            for (int stop = 0; stop < stops; stop++) {
                int done = works * (1 + stop) / (stops + 2) + random.nextInt(10);
                until(() -> count("select count(*) from sluice.work_keys where finished_at is not null") >= done);
                Pool victim = victim();
                if (stop == 0 || random.nextBoolean()) {
                    kill(victim);
                } else {
                    stop(victim);
                }
                startPool();
            }
            until(() -> count("select count(*) from sluice.work_keys where finished_at is null") == 0);
            until(() -> count("select (select count(*) from sluice.work_claims)"
                            + " + (select count(*) from sluice.work_items)")
                    == 0);
            check();
        } finally {
            pools.forEach(pool -> pool.process().destroyForcibly());
        }
        return works + " works, " + kills + " kills, " + (stops - kills) + " stops, " + crashes.size()
                + " works had begun when their process was killed, "
                + crashes.values().stream().mapToInt(Integer::intValue).max().orElse(0) + " crashes at most";
    }

    private List<Work> works() {
        var all = new ArrayList<Work>();
        for (int i = 0; i < works; i++) {
            Work work = Work.of("deadly", Integer.toString(20 + random.nextInt(160)))
                    .idempotencyKey("k" + i)
                    .metadata("number", Integer.toString(i));
            if (i % 3 == 0) {
                work = work.key("key-" + i % KEYS);
            }
            all.add(i % FAILS_EVERY == 0 ? work.metadata("fails", "once") : work);
        }
        return all;
    }

    private void startPool() throws Exception {
        String name = "pool-" + ++started;
        pools.add(new Pool(DyingPool.start(postgres.url(), name, WORKERS, MANY_CRASHES), name));
    }

    /** Takes one of the processes that have run works. */
    private Pool victim() {
        List<String> names = postgres.query("select distinct pool from runs");
        List<Pool> candidates =
                pools.stream().filter(pool -> names.contains(pool.name())).toList();
        Pool victim = candidates.get(random.nextInt(candidates.size()));
        pools.remove(victim);
        return victim;
    }

    /** Returns the works that the engine of a process had begun: those of the rows that it still holds. */
    private List<String> begun(Pool pool) {
        List<String> owners = postgres.query("select distinct owner from runs where pool = '" + pool.name() + "'");
        assertThat(owners).as("a process has one engine").hasSize(1);
        assertThat(postgres.query("select from sluice.work_claims where owner = '" + owners.get(0)
                        + "' and lease_until <= now()"))
                .as("no lease has ended before the works were counted")
                .isEmpty();
        return postgres.query(BEGUN.replace(":owner", owners.get(0).toString()));
    }

    /** Kills a process, and notes the crashes of the works that it had begun. */
    private void kill(Pool victim) throws Exception {
        kills++;
        victim.process().destroyForcibly().waitFor();
        until(() ->
                count("select count(*) from pg_stat_activity where application_name = '" + victim.name() + "'") == 0);
        begun(victim).forEach(id -> crashes.merge(id, 1, Integer::sum));
    }

    /** Stops a process. It leaves nothing, so no work has a crash. */
    private void stop(Pool victim) throws Exception {
        victim.process().destroy();
        victim.process().waitFor();
        assertThat(begun(victim)).as("what an engine holds after its stop").isEmpty();
    }

    private void check() {
        assertThat(postgres.query("select count(*), count(distinct id) from runs where has_ended"))
                .as("each ended at least once")
                .singleElement()
                .satisfies(row -> assertThat(row).endsWith("|" + works));
        assertThat(count("select count(*) from sluice.dead_letters")).isZero();
        assertThat(postgres.query("select count(*), count(distinct key) from completions"))
                .as("each was completed once")
                .containsExactly(works + "|" + works);
        assertThat(count("select count(*) from sluice.work_keys k join runs r on r.id = k.message_id and r.has_ended"
                        + " and k.result = format('\"%s\"', r.run)"))
                .as("the results that were kept are those of runs that ended")
                .isEqualTo(works);
        var counted = new HashMap<String, Integer>();
        postgres.query("select id, max(crashes) from runs group by id having max(crashes) > 0")
                .forEach(row -> {
                    String[] columns = row.split("\\|", -1);
                    counted.put(columns[0], Integer.parseInt(columns[1]));
                });
        assertThat(counted).as("crashes of works").isEqualTo(crashes);
        assertThat(postgres.query("select number from runs group by number having max(attempt) <> case when number % "
                        + FAILS_EVERY + " = 0 then 2 else 1 end"))
                .as("attempts of works")
                .isEmpty();
        assertThat(postgres.query("select id from runs group by id, attempt, crashes having count(*) > 1"))
                .as("runs that were repeated and not counted")
                .isEmpty();
        assertThat(postgres.query("select number from (select number, lag(number) over (partition by key order by run)"
                        + " as before from runs where key is not null) each where number < before"))
                .as("works that ran after a later one of their key")
                .isEmpty();
    }

    private int count(String sql) {
        return Integer.parseInt(postgres.query(sql).get(0));
    }
}
