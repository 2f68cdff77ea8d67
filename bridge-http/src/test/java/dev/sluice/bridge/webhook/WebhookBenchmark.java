package dev.sluice.bridge.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.sluice.bridge.outbound.Cidr;
import dev.sluice.bridge.outbound.OutboundClient;
import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.bridge.system.StartException;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.slf4j.LoggerFactory;

/**
 * The command that measures webhooks. CONTRIBUTING says how to start it. Its words are parts (all, if none is given):
 *
 * <pre>
 *  sender    requests a second to a target on this machine, signed, without an engine: the floor
 *  rate      deliveries a second: works of one type, enqueued before
 *  dead      the time from the enqueue to the target, with 200 targets, and with ten of them that never answer
 *  flight    10,000 requests in flight, or -Dsluice.flight=N: threads and heap. Each takes two file descriptors
 * </pre>
 */
public final class WebhookBenchmark {
    private static final int WORKS = 40_000;
    private static final int IN_FLIGHT = 256;
    private static final int TARGETS = 200;
    private static final int DEAD = 10;
    private static final int A_SECOND = 400;
    private static final int SECONDS = 20;
    private static final int MANY = 10_000;
    private static final String PAYLOAD = "{\"type\":\"order.paid\",\"data\":\"" + "x".repeat(400) + "\"}";

    private final SystemTimers timers = new SystemTimers();
    private final OutboundClient client;
    private final WebhookSender sender;

    private WebhookBenchmark() throws StartException {
        client = new OutboundClient(OutboundSettings.DEFAULT.allowed(List.of(Cidr.parse("127.0.0.1"))));
        sender = new WebhookSender(client, timers);
    }

    /** Runs the parts. */
    public static void main(String[] words) throws Exception {
        ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
        List<String> parts = words.length == 0 ? List.of("sender", "rate", "dead", "flight") : List.of(words);
        var benchmark = new WebhookBenchmark();
        for (String part : parts) {
            switch (part) {
                case "sender" -> benchmark.sender();
                case "rate" -> benchmark.rate();
                case "dead" -> benchmark.dead();
                case "flight" -> benchmark.flight();
                default -> throw new IllegalArgumentException("expected sender, rate, dead or flight, was " + part);
            }
        }
        System.exit(0);
    }

    private static WebhookTarget signed(FastTarget target) {
        return WebhookTarget.of(target.url(), WebhookKey.parse(WebhookKey.newSecret()));
    }

    private static WebhookMessage message(int number) {
        return new WebhookMessage("id-" + number, PAYLOAD.getBytes(UTF_8), Instant.now(), null, null, Map.of());
    }

    private void sender() throws Exception {
        try (var target = new FastTarget(true, body -> {})) {
            WebhookTarget to = signed(target);
            for (int round = 0; round < 4; round++) {
                var places = new Semaphore(IN_FLIGHT);
                long began = System.nanoTime();
                for (int i = 0; i < WORKS; i++) {
                    places.acquire();
                    var ignored = sender.send(to, message(i)).whenComplete((attempt, failure) -> places.release());
                }
                places.acquire(IN_FLIGHT);
                print("sender", "requests/s", round, WORKS, began);
            }
        }
    }

    private static void print(String part, String unit, int round, int count, long began) {
        double seconds = (System.nanoTime() - began) / (double) TimeUnit.SECONDS.toNanos(1);
        System.out.printf(
                "%s %s: %.0f%s%n", part, unit, count / seconds, round == 0 ? " (warm-up, does not count)" : "");
    }

    private WebhookHandler handler(FastTarget target, HandlerSettings settings) {
        WebhookTarget to = signed(target).timeout(Duration.ofSeconds(5));
        return new WebhookHandler(
                sender,
                work -> to,
                new WebhookRules(settings.retry(), Duration.ofHours(1), false),
                new Observers(Attempts.NONE, (work, reason) -> {}));
    }

    private void rate() throws Exception {
        HandlerSettings settings = WebhookRules.SETTINGS.concurrency(IN_FLIGHT);
        try (TestPostgres postgres = TestPostgres.withSchema();
                var target = new FastTarget(true, body -> {})) {
            for (int round = 0; round < 4; round++) {
                try (WorkBuffer producer =
                        WorkBuffer.builder(postgres.dataSource()).start()) {
                    for (int i = 0; i < WORKS; i += 1000) {
                        producer.enqueue(Collections.nCopies(1000, Work.of("hook", PAYLOAD)));
                    }
                }
                long before = target.requests();
                long began = System.nanoTime();
                try (WorkBuffer engine = WorkBuffer.builder(postgres.dataSource())
                        .concurrency(IN_FLIGHT)
                        .asyncHandler("hook", handler(target, settings), settings)
                        .start()) {
                    while (target.requests() < before + WORKS) {
                        Thread.sleep(2);
                    }
                    print("rate", "deliveries/s", round, WORKS, began);
                }
            }
        }
    }

    private void dead() throws Exception {
        for (int dead : new int[] {0, 0, DEAD}) {
            Histogram times = delays(dead);
            System.out.printf(
                    "dead %d of %d targets: p50 %.1f ms, p99 %.1f ms, %d deliveries to the others%n",
                    dead,
                    TARGETS,
                    times.getValueAtPercentile(50) / 1000.0,
                    times.getValueAtPercentile(99) / 1000.0,
                    times.getTotalCount());
        }
    }

    /** Returns the times from the enqueue to the arrival of works for targets that answer, in microseconds. */
    private Histogram delays(int dead) throws Exception {
        var times = new Histogram(3);
        long[] counts = {0};
        HandlerSettings settings = WebhookRules.SETTINGS
                .concurrency(20)
                .breaker(BreakerSettings.consecutive(10).openFor(Duration.ofSeconds(30)));
        try (TestPostgres postgres = TestPostgres.withSchema();
                var living = new FastTarget(true, body -> {
                    if (counts[0]++ > A_SECOND * 5) { // After the warm-up.
                        times.recordValue(TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - Long.parseLong(body)));
                    }
                });
                var silent = new FastTarget(false, body -> {})) {
            WorkBuffer.Builder builder =
                    WorkBuffer.builder(postgres.dataSource()).concurrency(MANY);
            for (int i = 0; i < TARGETS; i++) {
                builder.asyncHandler("hook-" + i, handler(i < dead ? silent : living, settings), settings);
            }
            try (WorkBuffer engine = builder.start()) {
                long began = System.nanoTime();
                for (int i = 0; i < A_SECOND * SECONDS; i++) {
                    long due = began + i * TimeUnit.SECONDS.toNanos(1) / A_SECOND;
                    TimeUnit.NANOSECONDS.sleep(Math.max(0, due - System.nanoTime()));
                    engine.enqueue(Work.of("hook-" + i % TARGETS, Long.toString(System.nanoTime())));
                }
                Thread.sleep(2000);
            }
        }
        return times;
    }

    private void flight() throws Exception {
        int inFlight = Integer.getInteger("sluice.flight", MANY);
        try (var target = new FastTarget(false, body -> {})) {
            WebhookTarget to = signed(target).timeout(Duration.ofMinutes(2));
            var attempts = new ArrayList<CompletableFuture<Attempt>>();
            for (int i = 0; i < inFlight; i++) {
                attempts.add(sender.send(to, message(i)));
            }
            while (target.requests() < inFlight) {
                Thread.sleep(10);
            }
            System.gc();
            long threads = Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getName().startsWith("sluice-"))
                    .count();
            long heap =
                    Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
            System.out.printf(
                    "flight: %d requests in flight, %d threads, %d MiB of heap%n", inFlight, threads, heap >> 20);
            attempts.forEach(attempt -> attempt.cancel(true));
        }
    }
}
