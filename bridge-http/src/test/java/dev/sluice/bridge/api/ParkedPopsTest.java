package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.management.UnixOperatingSystemMXBean;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.connect.sink.FakeWorker;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Waiting pops: how many may wait, what wakes them, and what a stop does. The service does not poll here, so only a
 * wake-up can wake them.
 */
class ParkedPopsTest {
    private static final int MOST = 10_000;
    private static final int SPARE_DESCRIPTORS = 1_000;
    private static final int QUEUES = 10;
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final Map<String, String> SETTINGS = Map.of(
            "http.threads", "8", "pop.threads", "2", "pop.poll.interval.ms", "3600000", "shutdown.timeout.ms", "60000");

    /** The common pool may have one thread, and these wait. */
    private static final Executor THREADS = task -> new Thread(task).start();

    @TempDir
    private Path directory;

    /**
     * Returns the number of pops that the limit of open files allows. Both ends of a connection are in this process.
     */
    private static int connections() {
        var system = (UnixOperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long free = system.getMaxFileDescriptorCount() - system.getOpenFileDescriptorCount() - SPARE_DESCRIPTORS;
        return (int) Math.min(MOST, free / 2);
    }

    private static SocketChannel park(RunningBridge bridge, String queue) throws IOException {
        SocketChannel channel =
                SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), bridge.port()));
        String request =
                "GET /api/v1/pop/queue/" + queue + "?wait=true&timeout=600000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        channel.write(ByteBuffer.wrap(request.getBytes(US_ASCII)));
        channel.configureBlocking(false);
        return channel;
    }

    /** Waits until this number of pops is answered, and returns the answers. */
    private static List<String> answers(Selector selector, int count) throws IOException {
        var answers = new ArrayList<String>();
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (answers.size() < count && System.nanoTime() - end < 0) {
            selector.select(key -> answers.add(read(key)), 100);
        }
        return answers;
    }

    private static String read(SelectionKey key) {
        var bytes = ByteBuffer.allocate(4096);
        try {
            ((SocketChannel) key.channel()).read(bytes);
        } catch (IOException e) {
            return e.toString();
        }
        key.cancel();
        return new String(bytes.array(), 0, bytes.position(), US_ASCII);
    }

    @Test
    void areThousandsOnAHandfulOfThreadsAndAreAllAnsweredByAStop() throws Exception {
        int count = connections();
        assertThat(count).as("the limit of open files").isGreaterThan(1_000);
        var channels = new ArrayList<SocketChannel>();
        try (var postgres = TestPostgres.withSchema();
                var selector = Selector.open()) {
            RunningBridge bridge = RunningBridge.start(postgres.url(), directory, SETTINGS);
            try {
                for (int i = 0; i < count; i++) {
                    SocketChannel channel = park(bridge, "parked-" + i % QUEUES);
                    channels.add(channel);
                    channel.register(selector, SelectionKey.OP_READ);
                }
                bridge.awaitParked(count);
                bridge.push("{\"items\":[{\"queue\":\"parked-3\",\"payload\":\"one\"}]}");
                assertThat(answers(selector, 1))
                        .singleElement()
                        .satisfies(answer -> assertThat(answer)
                                .startsWith("HTTP/1.1 200")
                                .contains("\"queue\":\"parked-3\"", "\"data\":\"one\""));
                bridge.awaitParked(count - 1);
            } finally {
                bridge.close();
            }
            List<String> rest = answers(selector, count - 1);
            assertThat(rest).hasSize(count - 1);
            assertThat(rest).allSatisfy(answer -> assertThat(answer).startsWith("HTTP/1.1 204"));
        } finally {
            for (SocketChannel channel : channels) {
                channel.close();
            }
        }
    }

    private static CompletableFuture<JsonNode> pop(RunningBridge bridge, String queue) {
        return CompletableFuture.supplyAsync(() -> bridge.pop(queue + "?wait=true&timeout=100000"), THREADS);
    }

    private static CompletableFuture<JsonNode> parked(RunningBridge bridge, String queue) {
        CompletableFuture<JsonNode> pop = pop(bridge, queue);
        bridge.awaitParked(1);
        return pop;
    }

    private static String firstOf(CompletableFuture<JsonNode> pop) throws Exception {
        return pop.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                .at("/messages/0/data")
                .asText();
    }

    private static void push(RunningBridge bridge, String queue, String payload, String more) {
        bridge.push("{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":\"" + payload + "\"" + more + "}]}");
    }

    @Test
    void areWokenByWhateverMakesAMessageAvailable() throws Exception {
        try (var postgres = TestPostgres.withSchema();
                var bridge = RunningBridge.start(postgres.url(), directory, SETTINGS)) {
            CompletableFuture<JsonNode> pop = parked(bridge, "by-push");
            push(bridge, "by-push", "pushed", "");
            assertThat(firstOf(pop)).isEqualTo("pushed");

            push(bridge, "by-ack", "first", "");
            JsonNode held = bridge.pop("by-ack");
            push(bridge, "by-ack", "second", "");
            pop = parked(bridge, "by-ack");
            bridge.acknowledge(held);
            assertThat(firstOf(pop)).isEqualTo("second");

            bridge.post("/api/v1/configure", "{\"queue\":\"by-age\",\"options\":{\"delayedProcessing\":3}}");
            bridge.post("/api/v1/configure", "{\"queue\":\"by-window\",\"options\":{\"windowBuffer\":3}}");
            bridge.post("/api/v1/configure", "{\"queue\":\"by-lease\",\"options\":{\"leaseTime\":3}}");
            push(bridge, "by-delay", "due", ",\"delayMs\":3000");
            push(bridge, "by-age", "old enough", "");
            push(bridge, "by-window", "quiet", "");
            push(bridge, "by-lease", "again", "");
            assertThat(bridge.pop("by-lease").at("/messages/0/data").asText()).isEqualTo("again");
            CompletableFuture<JsonNode> due = pop(bridge, "by-delay");
            CompletableFuture<JsonNode> old = pop(bridge, "by-age");
            CompletableFuture<JsonNode> quiet = pop(bridge, "by-window");
            CompletableFuture<JsonNode> ended = pop(bridge, "by-lease");
            assertThat(firstOf(due)).isEqualTo("due");
            assertThat(firstOf(old)).isEqualTo("old enough");
            assertThat(firstOf(quiet)).isEqualTo("quiet");
            assertThat(firstOf(ended)).isEqualTo("again");
        }
    }

    @Test
    void areWokenByASinkOnAWorker() throws Exception {
        var record = new SinkRecord("orders", 0, null, "customer-1", null, "\"from a topic\"", 0);
        try (var postgres = TestPostgres.withSchema();
                var bridge = RunningBridge.start(postgres.url(), directory, SETTINGS)) {
            await().atMost(PATIENCE)
                    .until(() -> postgres.query("select count(*) from pg_stat_activity where query like 'listen %' and"
                                    + " datname = current_database()")
                            .equals(List.of("1")));
            CompletableFuture<JsonNode> waiting = parked(bridge, "orders");
            try (FakeWorker worker = new FakeWorker(
                            new QueueSinkTask(), Map.of(new TopicPartition("orders", 0), List.of(record)), 100)
                    .start(Map.of("name", "sink", "connection.url", postgres.url(), "connection.user", "postgres"))) {
                worker.pollAll();
            }
            assertThat(firstOf(waiting)).isEqualTo("from a topic");
        }
    }
}
