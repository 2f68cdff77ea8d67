package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.api.messages.DataPath;
import dev.sluice.bridge.api.messages.WebhookEndpoint;
import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.endpoint.EndpointConfig;
import dev.sluice.bridge.endpoint.EndpointService;
import dev.sluice.bridge.endpoint.FakeDelivery;
import dev.sluice.bridge.endpoint.Registry;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.WebPages;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.limits.ConnectionLimits;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.metrics.WorkMetrics;
import dev.sluice.bridge.notice.NoticeWriter;
import dev.sluice.bridge.pop.PopDispatcher;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.repositories.Repositories;
import dev.sluice.bridge.repositories.RepositorySettings;
import dev.sluice.bridge.schedule.ScheduleConfig;
import dev.sluice.bridge.schedule.ScheduleService;
import dev.sluice.bridge.subscribe.SubscriptionLimits;
import dev.sluice.bridge.subscribe.Subscriptions;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.read.QueueTail;
import dev.sluice.queue.write.QueueWriterConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

/** Starts an {@link HttpService} over a data path whose answers the tests give. */
abstract class HttpServiceFixture {
    static final int BODY_LIMIT = 100_000;
    static final int HEADER_LIMIT = 8 << 10;
    /** Is enough for the answers to all clients of a test that do not read. */
    static final long MEMORY_LIMIT = 1L << 30;

    /** Much longer than any test. */
    static final Duration LONG = Duration.ofMinutes(10);

    static final UUID LEASE = UUID.fromString("0190b8f4-1111-7abc-8abc-0123456789ab");
    static final UUID MESSAGE = UUID.fromString("0190b8f4-2222-7abc-8abc-0123456789ab");

    final HttpClient client = HttpClient.newHttpClient();
    final List<NewMessage> pushed = new CopyOnWriteArrayList<>();
    final List<Acknowledgement> acknowledged = new CopyOnWriteArrayList<>();
    final List<String> pops = new CopyOnWriteArrayList<>();
    volatile Durability durability = Durability.STORED;
    volatile CompletableFuture<List<PushResult>> pushAnswer = new CompletableFuture<>();
    volatile CompletableFuture<PopResult> popAnswer = new CompletableFuture<>();
    volatile CompletableFuture<List<AcknowledgeOutcome>> acknowledgeAnswer = new CompletableFuture<>();
    final List<PopDispatcher.Client> clients = new CopyOnWriteArrayList<>();
    final List<PopResult> undelivered = new CopyOnWriteArrayList<>();
    final State state = new State();
    HttpService service;
    DatabaseExecutor executor;
    FailedRecords failed;
    /** Of the last service that was made. */
    Metrics metrics;

    @TempDir
    Path directory;

    static final class State implements ServiceState {
        volatile boolean connected = true;
        volatile @Nullable String refusal;

        @Override
        public @Nullable String databaseProblem() {
            return databaseConnected() ? null : "the database does not answer";
        }

        @Override
        public boolean databaseConnected() {
            return connected;
        }

        @Override
        public @Nullable String pushRefusal() {
            return refusal;
        }

        @Override
        public BufferDetail bufferDetail() throws IOException {
            throw new IOException("not in this test");
        }

        @Override
        public Buffer buffer() {
            return new Buffer(3, 1, 4096, 8192, false, Duration.ofMillis(1500), "running");
        }
    }

    @BeforeEach
    void start() throws IOException {
        failed = FailedRecords.open(directory);
        start(LONG, LONG);
    }

    void restart(Duration idleTimeout, Duration bodyTimeout) throws IOException {
        service.close();
        executor.close();
        start(idleTimeout, bodyTimeout);
    }

    void start(Duration idleTimeout, Duration bodyTimeout) throws IOException {
        service = service(idleTimeout, bodyTimeout, Route::hot);
        service.start();
    }

    /** Returns a service that serves some routes without servlets. It shares the data path with all others. */
    HttpService service(Duration idleTimeout, Duration bodyTimeout, Predicate<Route> core) {
        var config = new HttpService.Config(
                "127.0.0.1",
                0,
                16,
                idleTimeout,
                bodyTimeout,
                Duration.ofSeconds(1),
                Durability.STORED,
                new RequestLimits(BODY_LIMIT, 1000, 100, 500, 5000, 100, HeaderLimits.DEFAULT, MEMORY_LIMIT),
                new ConnectionLimits(1000, LONG, HEADER_LIMIT),
                null,
                WebPages.NONE,
                WebhookEndpoint.Sources.NONE,
                new HttpService.Streams(2, 10),
                false);
        var settings = new RepositorySettings(1, 1, 100, 1, 1, new QueueConfig("sluice"), QueueWriterConfig.DEFAULTS);
        var database = new PGSimpleDataSource();
        executor = new DatabaseExecutor(settings, () -> {}, () -> {});
        metrics = new Metrics(
                10, new ProcessUsage(() -> new ProcessUsage.Pool(0, 0, 0, 0), () -> 0), new WorkMetrics(10));
        var subscriptions = new Subscriptions(
                new SubscriptionLimits(10, 1 << 20, 1 << 20, Duration.ofSeconds(15), Duration.ofSeconds(30)),
                new QueueTail(database, "sluice"),
                new QueueReader(database, "sluice", PayloadCipher.NONE),
                executor,
                () -> false,
                metrics.subscriptions());
        return new HttpService(
                config,
                new Backend(
                        path(),
                        failed,
                        settings,
                        Repositories.over(database, settings, () -> {}),
                        executor,
                        database,
                        database,
                        () -> {},
                        queues -> {},
                        () -> {
                            throw new IllegalStateException("the test has no work engine");
                        },
                        endpoints(database),
                        subscriptions,
                        new ScheduleService(
                                new ScheduleConfig(
                                        "sluice",
                                        PayloadCipher.NONE,
                                        Duration.ofMinutes(1),
                                        100,
                                        100,
                                        Duration.ofSeconds(1),
                                        List.of()),
                                database,
                                settings.writer(),
                                queues -> {}),
                        metrics,
                        new NoMaintenance(),
                        state,
                        "1.2.3"),
                core);
    }

    private static Registry endpoints(DataSource database) {
        QueueWriterConfig writer = QueueWriterConfig.DEFAULTS;
        return new EndpointService(
                        EndpointConfig.usual("sluice", PayloadCipher.NONE),
                        database,
                        writer,
                        new NoticeWriter(database, writer, queues -> {}),
                        FakeDelivery::new,
                        queues -> {})
                .registry();
    }

    DataPath path() {
        return new DataPath(
                (messages, asked, linger) -> {
                    pushed.addAll(messages);
                    durability = asked;
                    return pushAnswer;
                },
                messages -> pushAnswer,
                messages -> messages,
                (target, request, wait, asking) -> {
                    clients.add(asking);
                    pops.add(text(target, request) + " " + wait);
                    return popAnswer;
                },
                (target, result) -> undelivered.add(result),
                acknowledgements -> {
                    acknowledged.addAll(acknowledgements);
                    return acknowledgements.isEmpty()
                            ? CompletableFuture.completedFuture(List.of())
                            : acknowledgeAnswer;
                });
    }

    private static final class NoMaintenance implements MaintenanceMode {
        @Override
        public boolean pushes() {
            return false;
        }

        @Override
        public boolean pops() {
            return false;
        }

        @Override
        public void setPushes(boolean on) {}

        @Override
        public void setPops(boolean on) {}
    }

    @AfterEach
    void stop() throws IOException {
        service.close();
        executor.close();
        failed.close();
    }

    HttpResponse<String> send(String method, String path, BodyPublisher body, String... headers) {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + service.port() + path))
                .timeout(Duration.ofSeconds(120))
                .method(method, body);
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            return client.send(request.build(), BodyHandlers.ofString(UTF_8));
        } catch (IOException e) {
            throw new AssertionError(method + " " + path, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    Socket connect() throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), service.port());
        socket.setSoTimeout(120_000);
        return socket;
    }

    static void send(Socket socket, String bytes) throws IOException {
        socket.getOutputStream().write(bytes.getBytes(ISO_8859_1));
    }

    /** Returns what a pop asks for, without its memory. */
    static String text(PopTarget target, PopRequest request) {
        return target + " "
                + List.of(request.batch(), request.maxPartitions(), request.autoAck(), request.subscription());
    }

    HttpResponse<String> get(String path, String... headers) {
        return send("GET", path, BodyPublishers.noBody(), headers);
    }

    HttpResponse<String> post(String path, String body, String... headers) {
        return send("POST", path, BodyPublishers.ofString(body.replace('\'', '"')), headers);
    }

    static void assertError(HttpResponse<String> response, int status, String error) {
        assertThat(response.body()).isEqualTo("{\"error\":\"" + error + "\"}");
        assertThat(response.statusCode()).isEqualTo(status);
        assertThat(response.headers().firstValue("Content-Type"))
                .hasValueSatisfying(type -> assertThat(type).startsWith("application/json"));
    }

    static Message message(String payload) {
        return new Message(
                7,
                "p",
                "q",
                1,
                MESSAGE,
                "t",
                payload.getBytes(UTF_8),
                MessageHeaders.NONE,
                null,
                null,
                Instant.parse("2026-05-16T10:00:00.123456Z"));
    }

    /** A request that is refused unread ends in a reset, after the answer. */
    static String answerTo(String request, Socket socket) {
        var answer = new ByteArrayOutputStream();
        try {
            send(socket, request);
            socket.getInputStream().transferTo(answer);
        } catch (IOException reset) {
            // The answer is complete.
        }
        return answer.toString(UTF_8);
    }

    String raw(String request) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
            socket.setSoTimeout(120_000);
            return answerTo(request, socket);
        }
    }

    String rawBody(String request) {
        try (Socket socket = connect()) {
            send(socket, request);
            return new String(socket.getInputStream().readAllBytes(), UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
