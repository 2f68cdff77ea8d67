package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.sluice.bridge.outbound.FaultyTarget;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.LoggerFactory;

/**
 * Processes deliver works to a target that fails now and then. Some of them are killed by {@code kill -9} while
 * requests are in flight, and new ones take their places. Checks that each work was delivered, and that each request
 * for it had the same {@code webhook-id}, which no other work has.
 *
 * <p>A run of the command: {@code WebhookCrashCampaign SEEDS [WORKS]}. {@code WebhookCrashTest} has a short form.
 */
final class WebhookCrashCampaign {
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final TestPostgres postgres;
    private final Path directory;
    private final Random random;
    private final int works;
    private final int kills;
    private final int atATime;
    private final List<Process> processes = new ArrayList<>();
    private final Map<String, Integer> delivered = new ConcurrentHashMap<>();
    private int started;

    /**
     * Makes a campaign.
     *
     * @param kills how many processes are killed
     * @param atATime how many processes run at a time
     */
    WebhookCrashCampaign(TestPostgres postgres, Path directory, long seed, int works, int kills, int atATime) {
        this.postgres = postgres;
        this.directory = directory;
        this.random = new Random(seed);
        this.works = works;
        this.kills = kills;
        this.atATime = atATime;
    }

    /** Runs the campaign with seeds from 1. */
    public static void main(String[] words) throws Exception {
        ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
        int works = words.length > 1 ? Integer.parseInt(words[1]) : 2_000;
        for (long seed = 1; seed <= Long.parseLong(words[0]); seed++) {
            try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
                Path directory = Files.createTempDirectory("sluice-webhooks");
                System.out.println(
                        "seed " + seed + ": " + new WebhookCrashCampaign(postgres, directory, seed, works, 6, 2).run());
            }
        }
        System.exit(0);
    }

    /** Runs the campaign. Returns what happened. */
    String run() throws Exception {
        try (var target = new FaultyTarget(this::answer);
                WorkBuffer producer = WorkBuffer.builder(postgres.dataSource()).start()) {
            var ids = new HashMap<String, String>();
            for (int i = 0; i < works; i++) {
                ids.put(
                        Integer.toString(i),
                        producer.enqueue(Work.of("hook", Integer.toString(i)))
                                .id()
                                .toString());
            }
            for (int i = 0; i < atATime; i++) {
                start(target);
            }
            for (int kill = 0; kill < kills; kill++) {
                int enough = works * (1 + kill) / (kills + 2);
                await().pollInterval(Duration.ofMillis(5))
                        .atMost(PATIENCE)
                        .failFast(
                                "a process has ended by itself",
                                () -> processes.stream().anyMatch(process -> !process.isAlive()))
                        .until(() -> delivered.size() >= enough);
                Process victim = processes.remove(random.nextInt(processes.size()));
                victim.destroyForcibly().waitFor();
                start(target);
            }
            await().atMost(PATIENCE).until(() -> delivered.size() == works && nothingIsLeft());
            return check(target, ids);
        } finally {
            processes.forEach(Process::destroyForcibly);
        }
    }

    /** Fails one of eight requests, in one of three ways. */
    private void answer(FaultyTarget.Request request, Socket socket) throws IOException, InterruptedException {
        int dice;
        synchronized (random) {
            dice = random.nextInt(24);
        }
        Thread.sleep(dice);
        switch (dice) {
            case 0 -> FaultyTarget.write(socket, FaultyTarget.head(500, 0));
            case 1 -> socket.close();
            case 2 -> FaultyTarget.closeHalfWay().handle(request, socket);
            default -> {
                // Once the answer is on its way, the process may store that the work is done.
                delivered.merge(request.body(), 1, Integer::sum);
                FaultyTarget.write(socket, FaultyTarget.head(200, 0));
            }
        }
    }

    private void start(FaultyTarget target) throws IOException {
        Path log = directory.resolve("process-" + ++started + ".log");
        processes.add(DeliveringProcess.start(postgres.url(), target.url("/"), log));
    }

    private boolean nothingIsLeft() {
        return postgres.query("select (select count(*) from sluice.work_claims)"
                        + " + (select count(*) from sluice.work_items)")
                .equals(List.of("0"));
    }

    private String check(FaultyTarget target, Map<String, String> ids) throws IOException {
        var idsOfRequests = new HashMap<String, Set<String>>();
        target.requests()
                .forEach(request -> idsOfRequests
                        .computeIfAbsent(request.body(), body -> new HashSet<>())
                        .add(request.headers().get("webhook-id")));
        assertThat(delivered.keySet()).as("works that were delivered").isEqualTo(ids.keySet());
        ids.forEach((body, id) ->
                assertThat(idsOfRequests.get(body)).as("ids of work %s", body).containsExactly(id));
        assertThat(postgres.query("select count(*) from sluice.dead_letters")).containsExactly("0");
        for (int i = 1; i <= started; i++) {
            assertThat(Files.readString(directory.resolve("process-" + i + ".log")))
                    .doesNotContain("ERROR");
        }
        long repeated = delivered.values().stream().filter(times -> times > 1).count();
        return works + " works, " + kills + " kills, " + target.requests().size() + " requests, " + repeated
                + " works delivered more than once";
    }
}
