package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.LongAdder;

/**
 * The worst requests there are, many at once, against a bridge with the smallest heap that is documented, while other
 * clients send bodies that never end and leave answers unread. Every answer is one the contract names, and the process
 * lives on.
 *
 * <pre>{@code
 * java -cp CLASSPATH dev.sluice.bridge.e2e.SmallestHeap 300 1
 * }</pre>
 *
 * The arguments are seconds and a seed.
 */
public final class SmallestHeap {
    /** As {@code docs/operations.md} says. */
    public static final String HEAP = "-Xmx200m";

    private static final int CLIENTS = 6;
    private static final int SLOW_BODIES = 300;
    private static final int SLOW_BODY_BYTES = 100_000;
    private static final int UNREAD_ANSWERS = 20;
    private static final int LETTERS = 6;
    private static final int LETTER_BYTES = 4 << 20;
    private static final int MAX_FAULTS = 20;
    private static final int USUAL_SECONDS = 300;
    /** Much longer than anything takes; a request that is not answered by then never is. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final ObjectMapper JSON = new ObjectMapper();

    private final BridgeProcess bridge;
    private final List<WorstRequests.Request> requests;
    private final Queue<String> faults = new ConcurrentLinkedQueue<>();
    private final Map<String, LongAdder> answers = new ConcurrentHashMap<>();
    private final LongAdder sent = new LongAdder();

    private SmallestHeap(BridgeProcess bridge, List<WorstRequests.Request> requests) {
        this.bridge = bridge;
        this.requests = requests;
    }

    /** What came of it. */
    record Result(long requests, Map<String, Long> answers, List<String> faults) {}

    /** Runs for the seconds of the first argument with the seed of the second one. */
    public static void main(String[] arguments) throws Exception {
        int seconds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : USUAL_SECONDS;
        long seed = arguments.length > 1 ? Long.parseLong(arguments[1]) : 1;
        Path directory = Files.createTempDirectory("sluice-smallest-heap");
        Result result = run(directory, Duration.ofSeconds(seconds), seed, WorstRequests.ALL);
        result.answers().forEach((answer, count) -> System.out.println(count + "\t" + answer));
        System.out.println(result.requests() + " requests in " + seconds + " s with the seed " + seed);
        result.faults().forEach(fault -> System.out.println("FAULT " + fault));
        System.exit(result.faults().isEmpty() ? 0 : 1);
    }

    /** Starts a bridge, sends for so long, and looks whether the bridge goes on. */
    static Result run(Path directory, Duration time, long seed, List<WorstRequests.Request> requests) throws Exception {
        try (TestPostgres postgres = TestPostgres.empty().withoutSyncs()) {
            Map<String, String> settings = Map.of(
                    "SLUICE_CONNECTION_URL", postgres.url(),
                    "SLUICE_CONNECTION_USER", "postgres",
                    "SLUICE_BUFFER_MAX_BYTES", String.valueOf(1L << 30),
                    "SLUICE_SHUTDOWN_TIMEOUT_MS", "1000",
                    "SLUICE_HTTP_BODY_TIMEOUT_MS", "30000");
            BridgeProcess bridge = BridgeProcess.startWithHeap(HEAP, directory.resolve("data"), settings);
            var run = new SmallestHeap(bridge, requests);
            try {
                run.bury();
                run.send(time, seed);
                run.goesOn();
            } catch (IOException e) {
                run.fault(
                        e + "; the process " + (bridge.isAlive() ? "is alive" : "has ended") + ":\n" + bridge.output());
            } finally {
                bridge.kill();
            }
            var counts = new TreeMap<String, Long>();
            run.answers.forEach((answer, count) -> counts.put(answer, count.sum()));
            return new Result(run.sent.sum(), counts, List.copyOf(run.faults));
        }
    }

    private void fault(String what) {
        if (faults.size() < MAX_FAULTS) {
            faults.add(what);
        }
    }

    /** Leaves large dead letters, so that there is something to list. */
    private void bury() throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        String large = "[\"" + "x".repeat(LETTER_BYTES) + "\"]";
        for (int i = 0; i < LETTERS; i++) {
            var push =
                    HttpRequest.newBuilder(address("/api/v1/push?queue=dead")).POST(BodyPublishers.ofString(large));
            client.send(push.build(), BodyHandlers.discarding());
            JsonNode message = JSON.readTree(client.send(
                                    HttpRequest.newBuilder(address("/api/v1/pop/queue/dead?wait=true&timeout=30000"))
                                            .build(),
                                    BodyHandlers.ofString())
                            .body())
                    .at("/messages/0");
            var verdict = JSON.createObjectNode().put("status", "dlq");
            for (String field : List.of("transactionId", "partitionId", "leaseId")) {
                verdict.set(field, message.path(field));
            }
            var ack = HttpRequest.newBuilder(address("/api/v1/ack")).POST(BodyPublishers.ofString(verdict.toString()));
            client.send(ack.build(), BodyHandlers.discarding());
        }
    }

    private void send(Duration time, long seed) throws Exception {
        long end = System.nanoTime() + time.toNanos();
        ExecutorService threads = Executors.newFixedThreadPool(CLIENTS);
        var sockets = new ArrayList<Socket>();
        try {
            for (int i = 0; i < SLOW_BODIES; i++) {
                sockets.add(slowBody());
            }
            for (int i = 0; i < UNREAD_ANSWERS; i++) {
                sockets.add(unreadAnswer());
            }
            var clients = new ArrayList<Future<?>>();
            for (int client = 0; client < CLIENTS; client++) {
                var random = new Random(seed * CLIENTS + client);
                clients.add(threads.submit(() -> send(random, end)));
            }
            for (Future<?> each : clients) {
                each.get();
            }
        } finally {
            threads.shutdownNow();
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }

    private Socket slowBody() throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), bridge.port());
        socket.getOutputStream()
                .write(("POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + 2 * SLOW_BODY_BYTES
                                + "\r\n\r\n" + " ".repeat(SLOW_BODY_BYTES))
                        .getBytes(US_ASCII));
        return socket;
    }

    private Socket unreadAnswer() throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), bridge.port());
        socket.getOutputStream()
                .write(("GET /api/v1/pop/queue/w?batch=10000&wait=true&timeout=60000&consumerGroup=unread"
                                + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        .getBytes(US_ASCII));
        return socket;
    }

    private void send(Random random, long end) {
        HttpClient client = HttpClient.newHttpClient();
        while (System.nanoTime() < end && faults.size() < MAX_FAULTS && bridge.isAlive()) {
            WorstRequests.Request request = requests.get(random.nextInt(requests.size()));
            sent.increment();
            try {
                HttpResponse<Void> answer = client.send(built(request), BodyHandlers.discarding());
                count(request, String.valueOf(answer.statusCode()));
                boolean named = answer.statusCode() < 500
                        || (answer.statusCode() == 503
                                && answer.headers().firstValue("Retry-After").isPresent());
                if (!named) {
                    fault(answer.statusCode() + " to " + request.name());
                }
            } catch (IOException e) {
                count(request, e.getClass().getSimpleName());
                fault(e + " to " + request.name());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private void count(WorstRequests.Request request, String answer) {
        answers.computeIfAbsent(request.name() + ": " + answer, key -> new LongAdder())
                .increment();
    }

    private HttpRequest built(WorstRequests.Request request) {
        var builder = HttpRequest.newBuilder(address(request.path()))
                .timeout(PATIENCE)
                .method(
                        request.method(),
                        BodyPublishers.ofByteArray(request.body().get()));
        request.headers().forEach(builder::header);
        return builder.build();
    }

    /** A client that does nothing bad is served, with as much as one request may have. */
    private void goesOn() throws Exception {
        if (!bridge.isAlive()) {
            throw new IOException("it did not survive");
        }
        for (WorstRequests.Request request : List.of(WorstRequests.SMALL_ITEMS, WorstRequests.LARGE_TEXT)) {
            int status = lastStatus(request);
            if (status != 201) {
                fault(status + " to " + request.name() + " when all is over");
            }
        }
        HttpClient client = HttpClient.newHttpClient();
        String pushed = client.send(
                        HttpRequest.newBuilder(address("/api/v1/push?queue=after"))
                                .POST(BodyPublishers.ofString("[7]"))
                                .build(),
                        BodyHandlers.ofString())
                .body();
        String popped = client.send(
                        HttpRequest.newBuilder(address("/api/v1/pop/queue/after?autoAck=true&wait=true&timeout=30000"))
                                .build(),
                        BodyHandlers.ofString())
                .body();
        if (!popped.contains("\"data\":7")) {
            fault("a push is answered " + pushed + " and the pop " + popped + " when all is over");
        }
    }

    /** Sends a request until it is taken, or there was time enough for that. */
    private int lastStatus(WorstRequests.Request request) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        HttpClient client = HttpClient.newHttpClient();
        int status;
        do {
            status = client.send(built(request), BodyHandlers.discarding()).statusCode();
        } while (status == 503 && System.nanoTime() < deadline);
        return status;
    }

    private URI address(String path) {
        return URI.create("http://127.0.0.1:" + bridge.port() + path);
    }
}
