package dev.sluice.bridge.e2e;

import static org.awaitility.Awaitility.await;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/**
 * Two bridges copy messages to endpoints, and one after the other is killed with SIGKILL while messages are copied.
 * Afterwards each endpoint has each message once. Run {@link #main} for many seeds.
 */
final class FanOutCrashCampaign {
    private static final int BRIDGES = 2;
    private static final int ENDPOINTS = 8;
    private static final int PARTITIONS = 20;
    private static final int MESSAGES = 3_000;
    private static final int AT_ONCE = 100;
    private static final int LONGEST_PAUSE_MS = 60;
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private static final String COPIED = "select coalesce(sum(p.head), 0) from sluice.partitions p"
            + " join sluice.queues q on q.id = p.queue_id where q.name like 'work.endpoint.%'";

    private final TestPostgres postgres;
    private final Path directory;
    private final Random random;
    private final List<BridgeProcess> bridges = new ArrayList<>();
    private final MessageIds ids = new MessageIds();
    private int pushed;

    private FanOutCrashCampaign(TestPostgres postgres, Path directory, long seed) {
        this.postgres = postgres;
        this.directory = directory;
        this.random = new Random(seed);
    }

    /**
     * What a run has shown.
     *
     * @param early kills that left messages to be copied
     * @param problems endpoints that have a message twice, or that lack one
     */
    record Result(int kills, int early, int pushed, List<String> problems) {}

    /** Runs the campaign with the seeds 1 to {@code args[0]}, 10 without it, with ten kills each. */
    public static void main(String[] args) throws Exception {
        int seeds = args.length == 0 ? 10 : Integer.parseInt(args[0]);
        for (int seed = 1; seed <= seeds; seed++) {
            Result result = run(seed, 10, Files.createTempDirectory("sluice-endpoints"));
            System.out.println("seed " + seed + ": " + result);
            if (!result.problems().isEmpty()) {
                System.exit(1);
            }
        }
    }

    static Result run(long seed, int kills, Path directory) throws IOException, InterruptedException {
        try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
            return new FanOutCrashCampaign(postgres, directory, seed).run(kills);
        }
    }

    private Result run(int kills) throws IOException, InterruptedException {
        int early = 0;
        var config = new QueueWriterConfig("sluice", Duration.ofHours(1), 10_000, PayloadCipher.NONE);
        try (var writer = new QueueWriter(postgres.dataSource(), config)) {
            makeEndpoints();
            for (int i = 0; i < BRIDGES; i++) {
                bridges.add(start(i));
            }
            for (int kill = 1; kill <= kills; kill++) {
                long before = copied();
                push(writer);
                until(() -> copied() > before);
                TimeUnit.MILLISECONDS.sleep(random.nextInt(LONGEST_PAUSE_MS));
                int which = random.nextInt(BRIDGES);
                bridges.get(which).kill();
                if (copied() < (long) pushed * ENDPOINTS) {
                    early++;
                }
                if (kill < kills) { // The other one copies what is left after the last kill.
                    bridges.set(which, start(which));
                }
            }
            until(() -> postgres.query("select count(*), coalesce(sum(lag), 0) from (select group_name, sum(lag) as lag"
                            + " from sluice.group_lag where group_name like 'endpoint.%' group by group_name) lags")
                    .equals(List.of(ENDPOINTS + "|0")));
            return new Result(kills, early, pushed, problems());
        } finally {
            for (BridgeProcess bridge : bridges) {
                bridge.kill();
            }
        }
    }

    private static void until(Callable<Boolean> condition) {
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5)).until(condition);
    }

    /** Makes endpoints whose deliveries are paused, so that their works stay where they are. */
    private void makeEndpoints() {
        String rows = " from generate_series(1, " + ENDPOINTS + ") n";
        postgres.execute("insert into sluice.endpoints (id, url, queues, format, concurrency, timeout_ms,"
                + " retry_waits_ms, starts_at) select 'e' || n, 'https://a.example/', '{orders}', 'plain', 1, 1000,"
                + " '{}', '2020-01-01'" + rows
                + "; insert into sluice.work_types (queue, paused_at) select 'work.endpoint.e' || n, now()" + rows);
    }

    private BridgeProcess start(int which) throws IOException, InterruptedException {
        return BridgeProcess.start(
                directory.resolve("bridge-" + which),
                Map.of(
                        "SLUICE_CONNECTION_URL",
                        postgres.url(),
                        "SLUICE_CONNECTION_USER",
                        "postgres",
                        "SLUICE_ENDPOINTS_MAX_WAITING",
                        "1000000",
                        "SLUICE_ENDPOINTS_POLL_INTERVAL_MS",
                        "50"));
    }

    private void push(QueueWriter writer) {
        for (int i = 0; i < MESSAGES; i += AT_ONCE) {
            var messages = new ArrayList<NewMessage>();
            for (int j = 0; j < AT_ONCE; j++) {
                var id = ids.next();
                byte[] payload = Integer.toString(pushed++).getBytes(StandardCharsets.UTF_8);
                messages.add(NewMessage.of(id, "orders", "p" + i / AT_ONCE % PARTITIONS, id.toString(), payload));
            }
            writer.write(messages, List.of());
        }
    }

    private long copied() {
        return Long.parseLong(postgres.query(COPIED).get(0));
    }

    private List<String> problems() {
        var problems = new ArrayList<String>();
        List<String> found = postgres.query("select queue, count(*), count(distinct payload::text)"
                + " from sluice.messages where queue like 'work.endpoint.%' group by queue order by queue");
        for (String each : found) {
            String[] parts = each.split("\\|", 3);
            if (!parts[1].equals("" + pushed) || !parts[2].equals("" + pushed)) {
                problems.add(
                        parts[0] + " has " + parts[1] + " works of " + parts[2] + " messages instead of " + pushed);
            }
        }
        if (found.size() != ENDPOINTS) {
            problems.add("only " + found.size() + " endpoints have works");
        }
        return problems;
    }
}
