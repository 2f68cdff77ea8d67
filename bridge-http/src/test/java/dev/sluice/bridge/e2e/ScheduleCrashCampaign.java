package dev.sluice.bridge.e2e;

import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

/**
 * Two bridges fire schedules of a second each, and one after the other is killed with SIGKILL at a random time and
 * started again. Afterwards each schedule has fired each of its ticks once. Run {@link #main} for many seeds.
 */
final class ScheduleCrashCampaign {
    private static final int BRIDGES = 2;
    private static final int SCHEDULES = 40;
    private static final long LONGEST_LIFE_MS = 3_000;

    private ScheduleCrashCampaign() {}

    /**
     * What a run has shown.
     *
     * @param kills bridges that were killed
     * @param fired messages that schedules have pushed
     * @param problems ticks that were fired twice, or left out
     */
    record Result(int kills, int fired, List<String> problems) {}

    /** Runs the campaign with the seeds 1 to {@code args[0]}, 10 without it, with ten kills each. */
    public static void main(String[] args) throws Exception {
        int seeds = args.length == 0 ? 10 : Integer.parseInt(args[0]);
        for (int seed = 1; seed <= seeds; seed++) {
            Path directory = Files.createTempDirectory("sluice-schedules");
            Result result = run(seed, 10, directory);
            System.out.println("seed " + seed + ": " + result);
            if (!result.problems().isEmpty()) {
                System.exit(1);
            }
        }
    }

    static Result run(long seed, int kills, Path directory) throws IOException, InterruptedException {
        var random = new Random(seed);
        try (TestPostgres postgres = TestPostgres.empty()) {
            var bridges = new ArrayList<BridgeProcess>();
            try {
                for (int i = 0; i < BRIDGES; i++) {
                    bridges.add(start(postgres, directory.resolve("bridge-" + i)));
                }
                postgres.execute("insert into sluice.schedules (name, kind, expression, zone, starts_at, missed, queue,"
                        + " is_work, lane, payload, from_file, next_at) select 's' || n, 'every', 'PT1S', 'UTC',"
                        + " date_trunc('second', now()), 'all', 'ticks', false, 2, '1', false, date_trunc('second',"
                        + " now())"
                        + " + interval '1 second' from generate_series(1, " + SCHEDULES + ") n");
                for (int kill = 0; kill < kills; kill++) {
                    TimeUnit.MILLISECONDS.sleep(random.nextLong(LONGEST_LIFE_MS));
                    int which = random.nextInt(BRIDGES);
                    bridges.get(which).kill();
                    bridges.set(which, start(postgres, directory.resolve("bridge-" + which)));
                }
                TimeUnit.SECONDS.sleep(2);
            } finally {
                for (BridgeProcess bridge : bridges) {
                    bridge.close();
                }
            }
            return result(postgres, kills);
        }
    }

    private static BridgeProcess start(TestPostgres postgres, Path directory) throws IOException, InterruptedException {
        return BridgeProcess.start(
                directory, Map.of("SLUICE_CONNECTION_URL", postgres.url(), "SLUICE_CONNECTION_USER", "postgres"));
    }

    private static Result result(TestPostgres postgres, int kills) {
        var problems = new ArrayList<String>();
        Map<String, TreeSet<Instant>> ticks = new HashMap<>();
        List<String> fired = postgres.query("select unnest(transaction_ids) from sluice.segments");
        for (String id : fired) {
            String[] parts = id.split(":", 3);
            if (!ticks.computeIfAbsent(parts[1], name -> new TreeSet<>()).add(Instant.parse(parts[2]))) {
                problems.add("fired twice: " + id);
            }
        }
        if (ticks.size() != SCHEDULES) {
            problems.add("only " + ticks.size() + " schedules were fired");
        }
        ticks.forEach((name, times) -> {
            long expected = Duration.between(times.first(), times.last()).toSeconds() + 1;
            if (times.size() != expected) {
                problems.add(name + " has " + times.size() + " ticks instead of " + expected);
            }
        });
        return new Result(kills, fired.size(), problems);
    }
}
