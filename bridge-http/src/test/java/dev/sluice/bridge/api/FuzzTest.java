package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.AppenderBase;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/**
 * The service answers any request to any route in time, never with a 500, and never logs data of a client; and it
 * continues to serve. To run longer, and with another seed:
 *
 * <pre>{@code
 * mvn verify -Dtest=FuzzTest -Dsurefire.failIfNoSpecifiedTests=false -Dsluice.fuzz.seconds=300 -Dsluice.fuzz.seed=7
 * }</pre>
 *
 * The test prints the seed, and each fault with its request.
 */
class FuzzTest {
    private static final int WORKERS = 2;
    private static final int USUAL_SECONDS = 6;
    private static final int MAX_FAULTS = 20;
    /** Much longer than any request takes. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Queue<String> faults = new ConcurrentLinkedQueue<>();
    private final AtomicLong sent = new AtomicLong();

    /** Looks at each line of the log as it is written. */
    private final class Watch extends AppenderBase<ILoggingEvent> {
        @Override
        protected void append(ILoggingEvent event) {
            if (event.getFormattedMessage().contains(FuzzRequests.MARKER) || shows(event.getThrowableProxy())) {
                fault("in the log of " + event.getLoggerName() + ": " + event.getFormattedMessage());
            }
        }

        private static boolean shows(IThrowableProxy thrown) {
            return thrown != null
                    && (String.valueOf(thrown.getMessage()).contains(FuzzRequests.MARKER) || shows(thrown.getCause()));
        }
    }

    private void fault(String what) {
        if (faults.size() < MAX_FAULTS) {
            faults.add(what);
        }
    }

    @Test
    void everyRequestIsAnsweredAndNothingIsShown(@TempDir Path directory) throws Exception {
        long seed = Long.getLong("sluice.fuzz.seed", 1);
        int seconds = Integer.getInteger("sluice.fuzz.seconds", USUAL_SECONDS);
        System.out.println("FuzzTest: -Dsluice.fuzz.seed=" + seed + " -Dsluice.fuzz.seconds=" + seconds);
        Logger ours = (Logger) LoggerFactory.getLogger("dev.sluice");
        var watch = new Watch();
        watch.setContext(ours.getLoggerContext());
        watch.start();
        ours.addAppender(watch);
        ours.setLevel(Level.DEBUG);
        ours.setAdditive(false); // Its log is too long to read.
        var settings = Map.of(
                "pop.max.timeout.ms",
                "100",
                "http.max.depth",
                "500",
                "retention.interval.ms",
                "1000",
                "encryption.keys",
                "k:" + "0f".repeat(32));
        try (TestPostgres postgres = TestPostgres.empty().withoutSyncs();
                RunningBridge bridge = RunningBridge.start(postgres.url(), directory, settings)) {
            JsonNode contract =
                    new YAMLMapper().readTree(bridge.get("/openapi.yaml").body());
            long end = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
            ExecutorService threads = Executors.newFixedThreadPool(WORKERS);
            try {
                var workers = new ArrayList<Future<?>>();
                for (int worker = 0; worker < WORKERS; worker++) {
                    var requests = new FuzzRequests(seed * WORKERS + worker, bridge.routes(), contract);
                    workers.add(threads.submit(() -> send(bridge, requests, end)));
                }
                for (Future<?> each : workers) {
                    each.get();
                }
            } finally {
                threads.shutdownNow();
            }
            assertThat(faults)
                    .as("after %s requests with the seed %s", sent, seed)
                    .isEmpty();
            assertThat(sent.get()).isPositive();
            goesOn(bridge);
        } finally {
            ours.detachAppender(watch);
            ours.setLevel(null);
            ours.setAdditive(true);
        }
        assertThat(faults).isEmpty();
        System.out.println("FuzzTest: " + sent + " requests");
    }

    private void send(RunningBridge bridge, FuzzRequests requests, long end) {
        HttpClient client = HttpClient.newHttpClient();
        String before = "nothing";
        while (System.nanoTime() < end && faults.size() < MAX_FAULTS) {
            FuzzRequests.Request request = requests.next();
            sent.incrementAndGet();
            try {
                HttpResponse<String> answer = client.send(built(bridge, request), BodyHandlers.ofString());
                before = answer.statusCode() + " " + answer.headers().map() + " to " + request;
                if (isOurMistake(request, answer)) {
                    fault(answer.statusCode() + " " + answer.body() + " to " + request);
                }
            } catch (IllegalArgumentException e) {
                sent.decrementAndGet(); // Not a request the client can send.
            } catch (IOException e) {
                fault(e + " to " + request + " after " + before);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private static HttpRequest built(RunningBridge bridge, FuzzRequests.Request request) {
        var builder = HttpRequest.newBuilder(URI.create(bridge.url() + request.path()))
                .timeout(PATIENCE)
                .method(request.method(), BodyPublishers.ofByteArray(request.body()));
        request.headers().forEach(builder::header);
        return builder.build();
    }

    /** A copy to a port without a server is a 502. */
    private static boolean isOurMistake(FuzzRequests.Request request, HttpResponse<String> answer) {
        return answer.statusCode() >= 500
                && !(answer.statusCode() == 502 && request.path().startsWith("/api/v1/migration/"));
    }

    private static void goesOn(RunningBridge bridge) {
        for (String path : List.of("/api/v1/system/maintenance", "/api/v1/system/maintenance/pop")) {
            assertThat(bridge.post(path, "{\"enabled\":false}").statusCode()).isEqualTo(200);
        }
        assertThat(bridge.get("/health").statusCode()).isEqualTo(200);
        assertThat(bridge.post("/api/v1/push-legacy", "{\"items\":[{\"queue\":\"after.the.fuzz\",\"payload\":1}]}")
                        .body())
                .contains("\"queued\"");
        assertThat(bridge.pop("after.the.fuzz").at("/messages/0/data").intValue())
                .isEqualTo(1);
    }
}
