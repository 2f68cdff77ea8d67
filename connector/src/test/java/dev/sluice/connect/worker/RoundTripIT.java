package dev.sluice.connect.worker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;

/**
 * Messages go from a queue to a topic and on to a queue in another database, exactly once, while a worker is killed.
 * Both queues are the same.
 */
class RoundTripIT {
    private static final int MESSAGES = 30_000;
    private static final int PARTITIONS = 20;
    private static final int BATCH = 1_000;
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    private static final String OFFSETS = "/connectors/trip-source/offsets";

    private static final String CONTENT =
            "select partition, seq, id, transaction_id, payload, headers, trace_id, created_at"
                    + " from sluice.messages where queue = 'trip' order by partition, seq";

    private final KafkaBroker broker = SharedKafka.broker();

    @Test
    void theCopyIsIdentical() throws Exception {
        List<ConnectWorker> workers = new ArrayList<>();
        try (TestPostgres from = TestPostgres.withSchema();
                TestPostgres to = TestPostgres.withSchema()) {
            try {
                workers.add(ConnectWorker.start("trip-1", broker, "trip-workers"));
                workers.get(0).configure("trip-source", source(from));
                workers.get(0).configure("trip-sink", sink(to));
                write(from, 0, MESSAGES / 3);
                awaiting(() -> stored(to) > 0);
                write(from, MESSAGES / 3, 2 * MESSAGES / 3);
                workers.get(0).kill();
                workers.add(ConnectWorker.start("trip-2", broker, "trip-workers"));
                write(from, 2 * MESSAGES / 3, MESSAGES);
                awaiting(() -> stored(to) >= MESSAGES);
                assertThat(to.query(CONTENT)).hasSize(MESSAGES).isEqualTo(from.query(CONTENT));
                beginAgain(workers.get(1), to);
            } finally {
                for (ConnectWorker each : workers) {
                    each.close();
                }
            }
        }
    }

    /** Connect lists and deletes the same offsets that the source reads. */
    private static void beginAgain(ConnectWorker worker, TestPostgres to) throws Exception {
        worker.ask("PUT", "/connectors/trip-source/stop", null);
        awaiting(() -> worker.states("trip-source").equals(List.of("STOPPED")));
        assertThat(worker.ask("GET", OFFSETS, null).findValues("seq")).hasSize(PARTITIONS);
        long before = taken(to);
        awaiting(() -> worker.request("DELETE", OFFSETS, null).status() == 200);
        worker.ask("PUT", "/connectors/trip-source/resume", null);
        awaiting(() -> taken(to) >= before + MESSAGES);
        assertThat(stored(to)).as("all of them are duplicates").isEqualTo(MESSAGES);
    }

    private static long taken(TestPostgres database) {
        return Long.parseLong(database.query("select sum(next_offset) from sluice.sink_offsets")
                .get(0));
    }

    private static void write(TestPostgres database, int first, int end) {
        var ids = new MessageIds();
        try (var writer = new QueueWriter(
                database.dataSource(), new QueueWriterConfig("sluice", Duration.ofHours(1), MESSAGES))) {
            for (int i = first; i < end; i += BATCH) {
                var batch = new ArrayList<NewMessage>();
                for (int number = i; number < Math.min(end, i + BATCH); number++) {
                    byte[] payload = ("{ \"number\" : " + number + " }").getBytes(UTF_8);
                    batch.add(NewMessage.builder(ids.next(), "trip", "p" + number % PARTITIONS, "t-" + number, payload)
                            .headers(number % 3 == 0 ? Messages.HEADERS : MessageHeaders.NONE)
                            .traceId(new UUID(number, number))
                            .build());
                }
                var unused = writer.write(batch, List.of());
            }
        }
    }

    private static long stored(TestPostgres database) {
        return Long.parseLong(database.query("select coalesce(sum(head), 0) from sluice.partitions")
                .get(0));
    }

    private static Map<String, String> source(TestPostgres database) {
        return Map.ofEntries(
                Map.entry("connector.class", "dev.sluice.connect.QueueSourceConnector"),
                Map.entry("tasks.max", "2"),
                Map.entry("exactly.once.support", "required"),
                Map.entry("topic.creation.default.partitions", "4"),
                Map.entry("topic.creation.default.replication.factor", "1"),
                Map.entry("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"),
                Map.entry("value.type", "bytes"),
                Map.entry("connection.url", database.url()),
                Map.entry("connection.user", "postgres"),
                Map.entry("queues", "trip"),
                Map.entry("start.from", "beginning"));
    }

    private static Map<String, String> sink(TestPostgres database) {
        return Map.ofEntries(
                Map.entry("connector.class", "dev.sluice.connect.QueueSinkConnector"),
                Map.entry("tasks.max", "2"),
                Map.entry("topics", "trip"),
                Map.entry("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"),
                Map.entry("connection.url", database.url()),
                Map.entry("connection.user", "postgres"),
                Map.entry("consumer.override.isolation.level", "read_committed"),
                Map.entry("consumer.override.metadata.max.age.ms", "1000"),
                Map.entry("consumer.override.session.timeout.ms", "5000"),
                Map.entry("consumer.override.heartbeat.interval.ms", "1000"));
    }

    private static void awaiting(Callable<Boolean> condition) {
        await().atMost(TIMEOUT)
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .until(condition);
    }
}
