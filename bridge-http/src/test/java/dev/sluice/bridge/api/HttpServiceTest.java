package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.api.messages.DataPath;
import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.http.TrustedOrigins;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.IntakeFullException;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.limits.ConnectionLimits;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.pop.PopDispatcher;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.repositories.Repositories;
import dev.sluice.bridge.repositories.RepositorySettings;
import dev.sluice.buffer.DiskFullException;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.write.QueueWriterConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

class HttpServiceTest {
    private static final int BODY_LIMIT = 100_000;
    /** Holds the answers of all clients of a test that do not read. */
    private static final long MEMORY_LIMIT = 1L << 30;

    /** Much longer than any test, so that nothing ends by it but what waits for it. */
    private static final Duration LONG = Duration.ofMinutes(10);

    private static final UUID LEASE = UUID.fromString("0190b8f4-1111-7abc-8abc-0123456789ab");
    private static final UUID MESSAGE = UUID.fromString("0190b8f4-2222-7abc-8abc-0123456789ab");

    private final HttpClient client = HttpClient.newHttpClient();
    private final List<NewMessage> pushed = new CopyOnWriteArrayList<>();
    private final List<Acknowledgement> acknowledged = new CopyOnWriteArrayList<>();
    private final List<String> pops = new CopyOnWriteArrayList<>();
    private volatile Durability durability = Durability.STORED;
    private volatile CompletableFuture<List<PushResult>> pushAnswer = new CompletableFuture<>();
    private volatile CompletableFuture<PopResult> popAnswer = new CompletableFuture<>();
    private volatile CompletableFuture<List<AcknowledgeOutcome>> acknowledgeAnswer = new CompletableFuture<>();
    private final List<PopDispatcher.Client> clients = new CopyOnWriteArrayList<>();
    private final List<PopResult> undelivered = new CopyOnWriteArrayList<>();
    private final State state = new State();
    private HttpService service;
    private DatabaseExecutor executor;
    private FailedRecords failed;

    @TempDir
    private Path directory;

    private static final class State implements ServiceState {
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

    private void restart(Duration idleTimeout, Duration bodyTimeout) throws IOException {
        service.close();
        executor.close();
        start(idleTimeout, bodyTimeout);
    }

    private void start(Duration idleTimeout, Duration bodyTimeout) throws IOException {
        var config = new HttpService.Config(
                "127.0.0.1",
                0,
                16,
                idleTimeout,
                bodyTimeout,
                Duration.ofSeconds(1),
                Durability.STORED,
                new RequestLimits(BODY_LIMIT, 1000, 100, 500, 5000, 100, MEMORY_LIMIT),
                new ConnectionLimits(1000, LONG),
                null,
                TrustedOrigins.NONE,
                false);
        var settings = new RepositorySettings(1, 1, 100, 1, 1, new QueueConfig("sluice"), QueueWriterConfig.DEFAULTS);
        var database = new PGSimpleDataSource();
        executor = new DatabaseExecutor(settings, () -> {}, () -> {});
        service = new HttpService(
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
                        new Metrics(10, new ProcessUsage(() -> new ProcessUsage.Pool(0, 0, 0, 0), () -> 0)),
                        new NoMaintenance(),
                        state,
                        "1.2.3"));
        service.start();
    }

    private DataPath path() {
        return new DataPath(
                (messages, asked, linger) -> {
                    pushed.addAll(messages);
                    durability = asked;
                    return pushAnswer;
                },
                messages -> pushAnswer,
                messages -> {},
                (target, request, wait, asking) -> {
                    clients.add(asking);
                    pops.add(target + " " + request + " " + wait);
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

    private HttpResponse<String> send(String method, String path, BodyPublisher body, String... headers) {
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

    private Socket connect() throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), service.port());
        socket.setSoTimeout(120_000);
        return socket;
    }

    private static void send(Socket socket, String bytes) throws IOException {
        socket.getOutputStream().write(bytes.getBytes(ISO_8859_1));
    }

    private HttpResponse<String> get(String path, String... headers) {
        return send("GET", path, BodyPublishers.noBody(), headers);
    }

    private HttpResponse<String> post(String path, String body, String... headers) {
        return send("POST", path, BodyPublishers.ofString(body.replace('\'', '"')), headers);
    }

    private static void assertError(HttpResponse<String> response, int status, String error) {
        assertThat(response.body()).isEqualTo("{\"error\":\"" + error + "\"}");
        assertThat(response.statusCode()).isEqualTo(status);
        assertThat(response.headers().firstValue("Content-Type"))
                .hasValueSatisfying(type -> assertThat(type).startsWith("application/json"));
    }

    private static Message message(String payload) {
        return new Message(
                7, "p", "q", 1, MESSAGE, "t", payload, null, null, Instant.parse("2026-05-16T10:00:00.123456Z"));
    }

    @Nested
    class APush {
        @Test
        void isAnsweredItemByItem() {
            var id = UUID.randomUUID();
            pushAnswer.complete(List.of(
                    new PushResult.Queued(id, 7),
                    new PushResult.Duplicate(MESSAGE, 7),
                    new PushResult.Buffered(),
                    new PushResult.Failed("too \"odd\"")));
            HttpResponse<String> response = post(
                    "/api/v1/push",
                    "{'items':[{'queue':'q','transactionId':'a','traceId':'" + LEASE
                            + "'},{'queue':'q','transactionId':'a'},{'queue':'r','transactionId':'b'},{'queue':'r','transactionId':'c'}]}");
            assertThat(response.statusCode()).isEqualTo(201);
            assertThat(response.body())
                    .isEqualTo(
                            "[{'index':0,'transaction_id':'a','status':'queued','message_id':'$I','partition_id':'$P','trace_id':'$T','queueName':'q'},"
                                    .concat(
                                            "{'index':1,'transaction_id':'a','status':'duplicate','message_id':'$M','queueName':'q'},")
                                    .concat(
                                            "{'index':2,'transaction_id':'b','status':'buffered','queue':'r','partition':'Default','transactionId':'b','queueName':'r'},")
                                    .concat(
                                            "{'index':3,'transaction_id':'c','status':'failed','error':'too \\\"odd\\\"','queueName':'r'}]")
                                    .replace('\'', '"')
                                    .replace("$I", id.toString())
                                    .replace("$P", PartitionIds.toUuid(7).toString())
                                    .replace("$T", LEASE.toString())
                                    .replace("$M", MESSAGE.toString()));
            assertThat(durability).isEqualTo(Durability.STORED);
        }

        @Test
        void holdsNoThreadWhileItWaits() {
            var answers = new ArrayList<CompletableFuture<HttpResponse<String>>>();
            for (int i = 0; i < 100; i++) { // The service has 16 threads.
                answers.add(CompletableFuture.supplyAsync(
                        () -> post("/api/v1/push", "{'items':[{'queue':'q'}]}"), task -> new Thread(task).start()));
            }
            await().until(() -> pushed.size() == 100);
            assertThat(get("/live").statusCode()).isEqualTo(200);
            pushAnswer.complete(List.of(new PushResult.Buffered()));
            assertThat(answers)
                    .allSatisfy(answer -> assertThat(answer.join().statusCode()).isEqualTo(201));
        }

        @Test
        void asksForTheLocalDiskOnlyWhenItSaysSo() {
            pushAnswer.complete(List.of(new PushResult.Buffered()));
            assertThat(post("/api/v1/push", "{'items':[{'queue':'q'}],'bufferMs':10}")
                            .statusCode())
                    .isEqualTo(201);
            assertThat(durability).isEqualTo(Durability.BUFFERED);
        }

        @Test
        void ofNothingIsAnsweredWithNothing() {
            HttpResponse<String> response = post("/api/v1/push", "{'items':[]}");
            assertThat(response.statusCode()).isEqualTo(201);
            assertThat(response.body()).isEqualTo("[]");
        }

        @Test
        void isReadWhateverItsContentType() {
            pushAnswer.complete(List.of(new PushResult.Buffered()));
            assertThat(post("/api/v1/push", "{'items':[{'queue':'q'}]}", "Content-Type", "text/plain")
                            .statusCode())
                    .isEqualTo(201);
        }

        @Test
        void isRefusedWithoutABody() {
            assertError(post("/api/v1/push", ""), 400, "Empty request body");
        }

        @Test
        void isRefusedWhenItIsNotWhatItMustBe() {
            assertError(post("/api/v1/push", "{}"), 400, "items array is required");
            assertError(post("/api/v1/push", "{'items':[{'queue':5}]}"), 400, "item 0: Queue must be a string");
            assertError(
                    post("/api/v1/push", "{'items':"),
                    400,
                    "Invalid JSON: Unexpected end-of-input within/between Object entries at byte 9");
            assertThat(pushed).isEmpty();
        }

        @Test
        void mayHaveABodyAsLargeAsTheLimit() {
            pushAnswer.complete(List.of(new PushResult.Buffered()));
            String frame = "{'items':[{'queue':'q','payload':''}]}";
            String largest = frame.replace("''", "'" + "x".repeat(BODY_LIMIT - frame.length()) + "'");
            assertThat(post("/api/v1/push", largest).statusCode()).isEqualTo(201);
            assertThat(pushed.get(0).payload()).hasSize(BODY_LIMIT - frame.length() + 2);
            assertError(
                    post("/api/v1/push", largest + " "),
                    413,
                    "Request body is larger than http.max.body.bytes (100000 bytes)");
        }

        @Test
        void isRefusedWithAClearAnswerWhenItIsFarTooLarge() {
            String body = "x".repeat(20 << 20);
            assertError(
                    post("/api/v1/push", body), 413, "Request body is larger than http.max.body.bytes (100000 bytes)");
            BodyPublisher chunked = BodyPublishers.ofInputStream(() -> InputStream.nullInputStream());
            assertError(send("POST", "/api/v1/push", chunked), 400, "Empty request body");
            BodyPublisher largeChunked = BodyPublishers.fromPublisher(BodyPublishers.ofString(body));
            assertError(
                    send("POST", "/api/v1/push", largeChunked),
                    413,
                    "Request body is larger than http.max.body.bytes (100000 bytes)");
            assertThat(get("/live").statusCode()).isEqualTo(200);
        }

        @Test
        void holdsUpNobodyWhenItsBodyIsSlow() throws IOException {
            restart(Duration.ofSeconds(3), LONG);
            pushAnswer.complete(List.of(new PushResult.Buffered()));
            String ask = "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n{";
            var slow = new ArrayList<Socket>();
            try {
                // The service has 16 threads; if each waited for its clients in turn, the last would wait 48 seconds.
                for (int i = 0; i < 260; i++) {
                    slow.add(connect());
                    send(slow.get(i), ask);
                }
                long start = System.nanoTime();
                for (int i = 0; i < 3; i++) {
                    assertThat(get("/live").statusCode()).isEqualTo(200);
                    assertThat(get("/health").statusCode()).isEqualTo(200);
                    assertThat(post("/api/v1/push", "{'items':[{'queue':'q'}]}").statusCode())
                            .isEqualTo(201);
                }
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
                for (Socket socket : slow) {
                    assertThat(new String(socket.getInputStream().readAllBytes(), UTF_8))
                            .as("after the idle timeout")
                            .startsWith("HTTP/1.1 408 ")
                            .contains("http.idle.timeout.ms");
                }
            } finally {
                for (Socket socket : slow) {
                    socket.close();
                }
            }
        }

        @Test
        void isRefusedWhenItsBodyComesInDrops() throws Exception {
            Duration timeout = Duration.ofSeconds(1);
            restart(LONG, timeout);
            try (Socket socket = connect()) {
                long start = System.nanoTime();
                send(socket, "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n{");
                while (socket.getInputStream().available() == 0) {
                    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(120));
                    try {
                        send(socket, " ");
                    } catch (IOException e) {
                        break; // It has been refused just now.
                    }
                    Thread.sleep(50);
                }
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(timeout);
                byte[] answer = new byte[12];
                assertThat(socket.getInputStream().readNBytes(answer, 0, 12)).isEqualTo(12);
                assertThat(new String(answer, UTF_8)).isEqualTo("HTTP/1.1 408");
            }
        }

        @Test
        void isReadInChunks() {
            pushAnswer.complete(List.of(new PushResult.Buffered()));
            String body = "{\"items\":[{\"queue\":\"q\",\"payload\":\"" + "y".repeat(70_000) + "\"}]}";
            assertThat(send("POST", "/api/v1/push", BodyPublishers.fromPublisher(BodyPublishers.ofString(body)))
                            .statusCode())
                    .isEqualTo(201);
            assertThat(pushed.get(0).payload()).hasSize(70_002);
        }

        @Test
        void isRefusedWhenItIsCompressedInAWayWeDoNotKnow() {
            assertError(
                    post("/api/v1/push", "x", "Content-Encoding", "br"),
                    415,
                    "Content-Encoding is not supported: br (supported: gzip, zstd)");
        }

        @Test
        void saysWhenToTryAgainWhenTheLogIsFull() {
            pushAnswer.completeExceptionally(new IntakeFullException(90, 100));
            HttpResponse<String> response = post("/api/v1/push", "{'items':[{'queue':'q'}]}");
            assertError(response, 503, "the buffer is full: 90 of 100 bytes are in use (buffer.max.bytes)");
            assertThat(response.headers().firstValue("Retry-After")).hasValue("5");
        }

        @Test
        void isRefusedWhenTheDiskIsFullOrBroken() {
            pushAnswer.completeExceptionally(new DiskFullException("segment 5: no space", new IOException("x")));
            assertError(post("/api/v1/push", "{'items':[{'queue':'q'}]}"), 507, "The disk of the local log is full");
            pushAnswer = CompletableFuture.failedFuture(new IOException("secret path"));
            assertError(post("/api/v1/push", "{'items':[{'queue':'q'}]}"), 503, "The local log cannot be written");
        }

        @Test
        void doesNotTellWhatIsOurOwnMistake() {
            pushAnswer = CompletableFuture.failedFuture(new IllegalStateException("secret"));
            assertError(post("/api/v1/push", "{'items':[{'queue':'q'}]}"), 500, "Internal error");
        }
    }

    @Nested
    class APop {
        @Test
        void hasThePayloadAsItWasPushed() {
            popAnswer.complete(new PopResult(
                    PopResult.Status.MESSAGES,
                    LEASE,
                    List.of(message("{ \"a\" : 1.50, \"ü\":\"\\u00fc😋\" }")),
                    1,
                    null));
            HttpResponse<String> response = get("/api/v1/pop/queue/q");
            assertThat(response.statusCode()).isEqualTo(200);
            String partition = PartitionIds.toUuid(7).toString();
            assertThat(response.body())
                    .isEqualTo(("{'success':true,'queue':'q','partition':'p','partitionId':'$P','leaseId':'$L',"
                                    + "'consumerGroup':'__QUEUE_MODE__','partitionsClaimed':1,'messages':[{'id':'$M',"
                                    + "'transactionId':'t','traceId':null,'data':$D,'producerSub':null,"
                                    + "'createdAt':'2026-05-16T10:00:00.123456Z','partitionId':'$P','partition':'p',"
                                    + "'queue':'q','leaseId':'$L','consumerGroup':'__QUEUE_MODE__'}]}")
                            .replace('\'', '"')
                            .replace("$P", partition)
                            .replace("$L", LEASE.toString())
                            .replace("$M", MESSAGE.toString())
                            .replace("$D", "{ \"a\" : 1.50, \"ü\":\"\\u00fc😋\" }"));
        }

        @Test
        void hasNoLeaseWithAutoAck() {
            popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, null, List.of(message("1")), 1, null));
            assertThat(get("/api/v1/pop/queue/q?autoAck=true&consumerGroup=g").body())
                    .contains("\"leaseId\":\"\"")
                    .contains("\"consumerGroup\":\"g\"")
                    .doesNotContain("null,\"messages");
        }

        @Test
        void holdsNoThreadWhileItsClientDoesNotRead() throws IOException {
            var many = new ArrayList<Message>();
            for (int i = 0; i < 120; i++) {
                many.add(message("\"" + "x".repeat(100_000) + "\""));
            }
            popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, many, 1, null));
            pushAnswer.complete(List.of());
            var readers = new ArrayList<Socket>();
            try {
                for (int i = 0; i < 24; i++) { // The server has 16 threads.
                    Socket one = connect();
                    readers.add(one);
                    send(one, "GET /api/v1/pop/queue/q HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
                }
                for (Socket each : readers) {
                    assertThat(each.getInputStream().read())
                            .as("its answer has begun")
                            .isEqualTo('H');
                }
                assertThat(post("/api/v1/push", "{\"items\":[]}").statusCode()).isEqualTo(201);
                assertThat(readers.get(0).getInputStream().readAllBytes())
                        .as("who reads at last gets all of it")
                        .hasSizeGreaterThan(120 * 100_000);
                readers.remove(0).close();
            } finally {
                for (Socket each : readers) {
                    each.close();
                }
            }
            await().untilAsserted(() -> assertThat(undelivered).hasSize(23));
        }

        @ParameterizedTest
        @ValueSource(strings = {"EMPTY", "QUEUE_NOT_FOUND", "PARTITION_NOT_FOUND", "LEASE_HELD"})
        void isA204WithoutABodyWhenThereIsNothing(PopResult.Status status) {
            popAnswer.complete(new PopResult(status, null, List.of(), 0, null));
            HttpResponse<String> response = get("/api/v1/pop/queue/q/partition/p");
            assertThat(response.statusCode()).isEqualTo(204);
            assertThat(response.body()).isEmpty();
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = ' ',
                nullValues = "-",
                value = {
                    "orders orders -",
                    "a%2Fb a/b -",
                    "a%20b a_b -",
                    "a+b a+b -",
                    "%C3%BC ü -",
                    "100%25 100% -",
                    "a.b;c a.b;c -",
                    "q/partition/p q p",
                    "q/partition/a%2F..%2Fb q a/../b",
                    "q/partition/%2e%2e q .."
                })
        void takesNamesWithAnyCharacters(String path, String queue, @Nullable String partition) {
            popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
            assertThat(get("/api/v1/pop/queue/" + path).statusCode()).isEqualTo(204);
            assertThat(pops)
                    .singleElement()
                    .asString()
                    .startsWith(new PopTarget(queue.replace('_', ' '), partition, PopTarget.DEFAULT_GROUP).toString());
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = ' ',
                nullValues = "-",
                value = {
                    "namespace=shop shop -",
                    "task=orders - orders",
                    "namespace=shop&task=orders shop orders",
                    "namespace=a%2Fb&task= a/b -",
                    "namespace=a&namespace=b a -"
                })
        void acrossQueuesTakesANamespaceOrATask(String query, @Nullable String namespace, @Nullable String task) {
            popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
            assertThat(get("/api/v1/pop?batch=3&consumerGroup=g&" + query).statusCode())
                    .isEqualTo(204);
            assertThat(pops)
                    .containsExactly(new PopTarget(new PopTarget.Across(namespace, task), "g") + " "
                            + new PopRequest(3, 1, false, Subscription.ALL) + " PT0S");
        }

        @ParameterizedTest
        @ValueSource(strings = {"", "?namespace=", "?namespace=&task=&consumerGroup=g"})
        void acrossQueuesNeedsOneOfThem(String query) {
            HttpResponse<String> response = get("/api/v1/pop" + query);
            assertThat(response.statusCode()).isEqualTo(400);
            assertThat(response.body()).contains("namespace or task is required");
            assertThat(get("/api/v1/pop?namespace=" + "n".repeat(300)).statusCode())
                    .isEqualTo(400);
            assertThat(get("/api/v1/pop?task=a%00").statusCode()).isEqualTo(400);
            assertThat(pops).isEmpty();
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "|1|1|false|PT0S",
                    "batch=10|10|1|false|PT0S",
                    "batch=0|1|1|false|PT0S",
                    "batch=-5|1|1|false|PT0S",
                    "batch=12abc|12|1|false|PT0S",
                    "batch=abc|1|1|false|PT0S",
                    "batch=|1|1|false|PT0S",
                    "batch=99999999999999999999|500|1|false|PT0S",
                    "batch=2&batch=3|2|1|false|PT0S",
                    "partitions=4|1|4|false|PT0S",
                    "autoAck=1|1|1|true|PT0S",
                    "autoAck=yes|1|1|false|PT0S",
                    "wait=true|1|1|false|PT5S",
                    "wait=true&timeout=250|1|1|false|PT0.25S",
                    "wait=1&timeout=0|1|1|false|PT0S",
                    "wait=false&timeout=250|1|1|false|PT0S"
                })
        void understandsItsQuery(@Nullable String query, int batch, int partitions, boolean autoAck, Duration wait) {
            popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
            assertThat(get("/api/v1/pop/queue/q?" + (query == null ? "" : query))
                            .statusCode())
                    .isEqualTo(204);
            assertThat(pops)
                    .containsExactly(new PopTarget("q", null, PopTarget.DEFAULT_GROUP) + " "
                            + new PopRequest(batch, partitions, autoAck, Subscription.ALL) + " " + wait);
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "subscriptionMode=new|NEW|",
                    "subscriptionMode=new-only|NEW|",
                    "subscriptionMode=all|ALL|",
                    "subscriptionMode=odd|ALL|",
                    "subscriptionFrom=now|NEW|",
                    "subscriptionFrom=|ALL|",
                    "subscriptionMode=new&subscriptionFrom=|NEW|",
                    "subscriptionMode=new&subscriptionFrom=2026-01-02T03:04:05Z|ALL|2026-01-02T03:04:05Z",
                    "subscriptionFrom=2026-01-02T03:04:05%2B01:00|ALL|2026-01-02T02:04:05Z"
                })
        void understandsWhereAGroupStarts(String query, Subscription.Mode mode, @Nullable Instant from) {
            popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
            assertThat(get("/api/v1/pop/queue/q?" + query).statusCode()).isEqualTo(204);
            assertThat(pops).singleElement().asString().contains(new Subscription(mode, from).toString());
        }

        @Test
        void isRefusedWhenTheNameCannotExist() {
            assertError(
                    get("/api/v1/pop/queue/" + "q".repeat(300)),
                    400,
                    "queue must have at most 255 characters, has 300");
            assertThat(get("/api/v1/pop/queue/a%00b").statusCode()).isEqualTo(400);
            assertThat(get("/api/v1/pop/queue/q?consumerGroup=a%00").statusCode())
                    .isEqualTo(400);
        }

        @Test
        void mayWaitLongerThanAnIdleConnection() throws IOException {
            restart(Duration.ofMillis(500), LONG);
            CompletableFuture<HttpResponse<String>> response =
                    CompletableFuture.supplyAsync(() -> get("/api/v1/pop/queue/q?wait=true"));
            popAnswer.completeOnTimeout(
                    new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message("1")), 1, null),
                    1500,
                    java.util.concurrent.TimeUnit.MILLISECONDS);
            assertThat(response.join().statusCode()).isEqualTo(200);
        }

        @Test
        void isNoticedToHaveLostItsClient() throws IOException {
            try (Socket left = connect();
                    Socket stays = connect()) {
                send(left, "GET /api/v1/pop/queue/q?wait=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
                await().until(() -> clients.size() == 1);
                send(stays, "GET /api/v1/pop/queue/q?wait=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
                await().until(() -> clients.size() == 2);
                assertThat(clients).noneMatch(PopDispatcher.Client::isGone);
                left.close();
                await().until(() -> clients.get(0).isGone());
                assertThat(clients.get(1).isGone()).isFalse();
                stays.setOption(StandardSocketOptions.SO_LINGER, 0); // A reset, as of a killed process.
                stays.close();
                await().until(() -> clients.get(1).isGone());
            }
            popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message("1")), 1, null));
            await().untilAsserted(() -> assertThat(undelivered).containsExactly(popAnswer.join(), popAnswer.join()));
        }

        @Test
        void mayBeFollowedByRequestsThatDoNotWaitForItsAnswer() throws IOException {
            String ask = "GET /api/v1/pop/queue/%s?wait=true HTTP/1.1\r\nHost: localhost\r\n%s\r\n";
            try (Socket socket = connect()) {
                // The second comes with the first, the others while their predecessors wait; all are looked at
                // meanwhile.
                send(socket, ask.formatted("q1", "") + ask.formatted("q2", ""));
                await().until(() -> pops.size() == 1);
                assertThat(clients.get(0).isGone()).isFalse();
                send(socket, ask.formatted("q3", "") + ask.formatted("q4", "Connection: close\r\n"));
                await().pollDelay(Duration.ofMillis(100))
                        .until(() -> !clients.get(0).isGone());
                assertThat(clients.get(0).isGone()).isFalse();
                popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message("1")), 1, null));
                String answers = new String(socket.getInputStream().readAllBytes(), UTF_8);
                assertThat(answers.split("HTTP/1.1 200 OK", -1)).hasSize(5);
            }
            assertThat(pops).hasSize(4);
            for (int i = 1; i <= 4; i++) {
                assertThat(pops.get(i - 1)).contains("q" + i);
            }
            assertThat(undelivered).isEmpty();
        }

        @Test
        void givesBackWhatCouldNotBeSent() throws Exception {
            String large = "\"" + "x".repeat(60 << 20) + "\"";
            try (Socket socket = connect()) {
                send(socket, "GET /api/v1/pop/queue/q HTTP/1.1\r\nHost: localhost\r\n\r\n");
                await().until(() -> clients.size() == 1);
                popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message(large)), 1, null));
                assertThat(socket.getInputStream().read()).isEqualTo('H');
                socket.setOption(StandardSocketOptions.SO_LINGER, 0);
            }
            await().until(() -> undelivered.size() == 1);
        }

        @Test
        void isRefusedWhenItsAddressIsNotEncodedCorrectly() {
            popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
            assertThat(rawBody("GET /api/v1/pop/queue/%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                    .endsWith("{\"error\":\"The address is not percent-encoded correctly\"}");
        }

        private String rawBody(String request) {
            try (Socket socket = connect()) {
                send(socket, request);
                return new String(socket.getInputStream().readAllBytes(), UTF_8);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }

        @Test
        void saysThatTheDatabaseIsUnavailableWithAStatusThatDoesNotEndTheLoopOfAClient() {
            popAnswer.completeExceptionally(new QueueException("pop", new SQLException("gone", "08006")));
            HttpResponse<String> response = get("/api/v1/pop/queue/q");
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
            assertThat(response.body())
                    .isEqualTo("{\"success\":false,\"error\":\"database_unavailable\",\"messages\":[]}");
        }

        @Test
        void saysThatTheOutcomeIsUnknownAndNotThatThereIsNothing() {
            popAnswer.completeExceptionally(OutcomeUnknownException.because("no answer"));
            HttpResponse<String> response = get("/api/v1/pop/queue/q?autoAck=true");
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
            assertThat(response.body()).isEqualTo("{\"success\":false,\"error\":\"outcome_unknown\",\"messages\":[]}");
        }

        @Test
        void isRefusedWhenTooManyWait() {
            popAnswer.completeExceptionally(new OverloadedException("Too many"));
            HttpResponse<String> response = get("/api/v1/pop/queue/q");
            assertError(response, 503, "Too many");
            assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
        }
    }

    @Nested
    class AnAcknowledgement {
        private final String partition = PartitionIds.toUuid(7).toString();

        @Test
        void isAnsweredWithAnArrayOfOne() {
            acknowledgeAnswer.complete(List.of(new AcknowledgeOutcome.Acknowledged("q", "p", true, false)));
            HttpResponse<String> response =
                    post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.body())
                    .isEqualTo(
                            "[{'index':0,'transactionId':'t','success':true,'error':null,'queueName':'q','partitionName':'p','leaseReleased':true,'dlq':false}]"
                                    .replace('\'', '"'));
        }

        @Test
        void isAnsweredItemByItemInABatch() {
            acknowledgeAnswer.complete(
                    List.of(new AcknowledgeOutcome.NotFound(), new AcknowledgeOutcome.LeaseInvalid("q", "p")));
            HttpResponse<String> response = post(
                    "/api/v1/ack/batch",
                    "{'acknowledgments':[{'transactionId':'a','partitionId':'nonsense'},{'transactionId':'b','partitionId':'$P'},{'transactionId':'c','partitionId':'$P','status':'odd'},{'transactionId':'d','partitionId':'$P'}]}"
                            .replace("$P", partition));
            assertThat(response.statusCode()).isEqualTo(200);
            String nothing = "'queueName':null,'partitionName':null,'leaseReleased':null,'dlq':false}";
            assertThat(response.body())
                    .isEqualTo(("[{'index':0,'transactionId':'a','success':false,'error':'partitionId must be a UUID',"
                                    + nothing
                                    + ",{'index':1,'transactionId':'b','success':false,'error':'Message not found',"
                                    + nothing
                                    + ",{'index':2,'transactionId':'c','success':false,'error':null,"
                                    + nothing
                                    + ",{'index':3,'transactionId':'d','success':false,'error':'Invalid or expired lease','queueName':'q','partitionName':'p','leaseReleased':false,'dlq':false}]")
                            .replace('\'', '"'));
            assertThat(acknowledged).extracting(Acknowledgement::transactionId).containsExactly("b", "d");
        }

        @Test
        void ofNothingIsAnsweredWithNothing() {
            HttpResponse<String> response = post("/api/v1/ack/batch", "{'acknowledgments':[]}");
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.body()).isEqualTo("[]");
        }

        @Test
        void isToldThatItsOutcomeIsUnknown() {
            acknowledgeAnswer.completeExceptionally(OutcomeUnknownException.because("no answer"));
            HttpResponse<String> response =
                    post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
            assertError(response, 503, "outcome_unknown");
            assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
        }

        @Test
        void isA503WhileTheDatabaseIsAway() {
            acknowledgeAnswer.completeExceptionally(new QueueException("ack", new SQLException("gone", "08006")));
            HttpResponse<String> response =
                    post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
            assertError(response, 503, "The database is not available");
        }

        /** A database that ends a statement is there. */
        @Test
        void isToldThatAStatementTookTooLong() {
            acknowledgeAnswer.completeExceptionally(new QueueException("ack", new SQLException("timeout", "57014")));
            HttpResponse<String> response =
                    post("/api/v1/ack", "{'transactionId':'t','partitionId':'" + partition + "'}");
            assertError(response, 503, "The database did not finish a statement in time");
        }

        @Test
        void isRefusedWithoutABody() {
            assertError(post("/api/v1/ack", ""), 400, "Empty request body");
            assertError(post("/api/v1/ack/batch", ""), 400, "Empty request body");
        }
    }

    @Nested
    class TheStatus {
        @Test
        void isHealthyWhileTheDatabaseAnswers() {
            HttpResponse<String> response = get("/health");
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.body())
                    .isEqualTo(
                            "{'status':'healthy','database':'connected','server':'sluice','worker_id':0,'version':'1.2.3','shared_state':{'enabled':true,'running':true},'queen':{'worker_id':0,'status':'healthy'},'database_error':null,'accepting_pushes':true,'drain':'running'}"
                                    .replace('\'', '"'));
            state.connected = false;
            assertThat(get("/health").statusCode()).isEqualTo(503);
            assertThat(get("/health").body()).contains("\"unhealthy\"").contains("\"disconnected\"");
        }

        @Test
        void isReadyAsLongAsAPushIsTaken() {
            state.connected = false;
            assertThat(get("/ready").statusCode()).isEqualTo(200);
            assertThat(get("/ready").body())
                    .isEqualTo(
                            "{\"status\":\"ready\",\"reason\":null,\"database\":\"disconnected\",\"database_error\":\"the database does not answer\"}");
            state.refusal = "the local log is full";
            assertThat(get("/ready").statusCode()).isEqualTo(503);
            assertThat(get("/ready").body()).contains("\"reason\":\"the local log is full\"");
        }

        @Test
        void isAliveWhateverElseIsWrong() {
            state.connected = false;
            state.refusal = "x";
            assertThat(get("/live").statusCode()).isEqualTo(200);
        }

        @Test
        void tellsAboutTheLog() {
            assertThat(get("/api/v1/status/buffers").body())
                    .isEqualTo(
                            "{'pending':3,'failed':1,'dbHealthy':true,'worker':0,'usedBytes':4096,'limitBytes':8192,'full':false,'oldestAgeSeconds':1.5,'drain':'running'}"
                                    .replace('\'', '"'));
        }
    }

    @Nested
    class AnythingElse {
        @Test
        void isNotFound() {
            assertError(get("/api/v1/nothing"), 404, "Not found: GET /api/v1/nothing");
            assertError(post("/", "x"), 404, "Not found: POST /");
            assertThat(get("/api/v1/pop/queue/").statusCode()).isEqualTo(404);
        }

        @Test
        void isTheWrongMethod() {
            HttpResponse<String> response = get("/api/v1/push");
            assertError(response, 405, "Method not allowed: GET /api/v1/push");
            assertThat(response.headers().firstValue("Allow")).hasValue("POST");
            assertThat(post("/health", "x").statusCode()).isEqualTo(405);
            assertThat(send("DELETE", "/api/v1/ack", BodyPublishers.noBody()).statusCode())
                    .isEqualTo(405);
        }

        @Test
        void isAProblemOfRfc9457ForWhoAsksForIt() {
            HttpResponse<String> response = post("/api/v1/push", "{}", "Accept", "application/problem+json, */*");
            assertThat(response.statusCode()).isEqualTo(400);
            assertThat(response.headers().firstValue("Content-Type")).hasValue("application/problem+json");
            assertThat(response.body())
                    .isEqualTo(
                            "{'type':'about:blank','title':'Bad Request','status':400,'detail':'items array is required','error':'items array is required'}"
                                    .replace('\'', '"'));
        }

        @Test
        void isAnsweredInJsonEvenWhenItIsNotHttp() throws IOException {
            assertThat(raw("GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                    .startsWith("HTTP/1.1 400 ")
                    .contains("{\"error\":");
            assertThat(raw("nonsense\r\n\r\n")).startsWith("HTTP/1.1 400 ").contains("{\"error\":");
            assertThat(raw("GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + "y".repeat(40_000) + "\r\n\r\n"))
                    .startsWith("HTTP/1.1 431 ");
            assertThat(get("/live").statusCode()).isEqualTo(200);
        }

        /** What is refused unread ends in a reset; the answer came before that. */
        private static String answerTo(String request, Socket socket) {
            var answer = new ByteArrayOutputStream();
            try {
                send(socket, request);
                socket.getInputStream().transferTo(answer);
            } catch (IOException reset) {
                // That was all.
            }
            return answer.toString(UTF_8);
        }

        private String raw(String request) throws IOException {
            try (var socket = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
                socket.setSoTimeout(120_000);
                return answerTo(request, socket);
            }
        }
    }
}
