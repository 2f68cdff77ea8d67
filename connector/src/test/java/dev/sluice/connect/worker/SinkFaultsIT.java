package dev.sluice.connect.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.StoppablePostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All faults of a sink's life in one test: a task restarts, a worker is killed, another one joins, PostgreSQL goes
 * down, the consumer group is reset. PostgreSQL then has each record once, in order.
 */
class SinkFaultsIT {
    private static final int PARTITIONS = 8;
    private static final int RECORDS = 200_000;
    private static final Duration TIMEOUT = Duration.ofMinutes(2);

    private final KafkaBroker broker = SharedKafka.broker();

    /** Number of records. The value of each is its index in its partition, from 0. */
    private int sent;

    @TempDir
    Path directory;

    @Test
    void everyRecordIsStoredOnceAndInOrder() throws Exception {
        broker.createTopic("busy", PARTITIONS, Map.of());
        List<ConnectWorker> workers = new ArrayList<>();
        try (StoppablePostgres postgres = StoppablePostgres.start(directory);
                Producer<byte[], byte[]> producer = Records.producer(broker)) {
            ConnectWorker first = start(workers, "faults-1");
            first.configure("busy", sink(postgres));

            send(producer, 40_000);
            awaitStored(postgres, 1);
            first.ask("POST", "/connectors/busy/tasks/0/restart", null);
            send(producer, 40_000);
            awaitStored(postgres, 45_000);

            send(producer, 20_000);
            first.kill();
            send(producer, 20_000);
            ConnectWorker second = start(workers, "faults-2");
            awaitStored(postgres, 105_000);

            send(producer, 20_000);
            start(workers, "faults-3");
            awaiting(() -> second.workersOf("busy") == 2 && second.runningTasks("busy") == 4);
            send(producer, 20_000);
            awaitStored(postgres, 125_000);

            postgres.stop();
            send(producer, 20_000);
            postgres.restart();
            awaitStored(postgres, 165_000);

            second.ask("PUT", "/connectors/busy/stop", null);
            awaiting(() -> Records.rewind(broker, "connect-busy"));
            assertThat(Records.lag(broker, "connect-busy", "busy")).isEqualTo(sent);
            second.ask("PUT", "/connectors/busy/resume", null);
            send(producer, 20_000);
            assertThat(sent).isEqualTo(RECORDS);

            awaitStored(postgres, RECORDS);
            awaiting(() -> Records.lag(broker, "connect-busy", "busy") == 0);
            String each = RECORDS / PARTITIONS + "|1|" + RECORDS / PARTITIONS + "|t";
            assertThat(postgres.query("select partition, count(*), min(seq), max(seq),"
                            + " bool_and(payload = (seq - 1)::text) from sluice.messages where queue = 'busy'"
                            + " group by partition order by partition"))
                    .containsExactly(
                            "busy-0|" + each,
                            "busy-1|" + each,
                            "busy-2|" + each,
                            "busy-3|" + each,
                            "busy-4|" + each,
                            "busy-5|" + each,
                            "busy-6|" + each,
                            "busy-7|" + each);
            second.delete("busy");
        } finally {
            for (ConnectWorker each : workers) {
                each.close();
            }
        }
    }

    private ConnectWorker start(List<ConnectWorker> workers, String name) throws Exception {
        ConnectWorker worker = ConnectWorker.start(name, broker, "faults-workers");
        workers.add(worker);
        return worker;
    }

    private static Map<String, String> sink(StoppablePostgres postgres) {
        return Map.ofEntries(
                Map.entry("connector.class", "dev.sluice.connect.QueueSinkConnector"),
                Map.entry("topics", "busy"),
                Map.entry("tasks.max", "4"),
                Map.entry("connection.url", postgres.url()),
                Map.entry("connection.user", "postgres"),
                Map.entry("connection.timeout.ms", "2000"),
                Map.entry("schema.apply", "true"),
                Map.entry("partition.from", "topic-partition"),
                Map.entry("retry.backoff.ms", "100"),
                Map.entry("retry.backoff.max.ms", "500"),
                Map.entry("consumer.override.auto.offset.reset", "earliest"),
                Map.entry("consumer.override.session.timeout.ms", "5000"),
                Map.entry("consumer.override.heartbeat.interval.ms", "1000"));
    }

    private void send(Producer<byte[], byte[]> producer, int count) throws Exception {
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>(count);
        for (int i = 0; i < count; i++) {
            String place = String.valueOf(sent / PARTITIONS);
            records.add(new ProducerRecord<>("busy", sent % PARTITIONS, null, Records.bytes(place)));
            sent++;
        }
        Records.send(producer, records);
    }

    private static void awaitStored(StoppablePostgres postgres, int atLeast) {
        awaiting(() -> Integer.parseInt(postgres.query("select coalesce(sum(p.head), 0) from sluice.partitions p")
                        .get(0))
                >= atLeast);
    }

    private static void awaiting(Callable<Boolean> condition) {
        await().atMost(TIMEOUT)
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .until(condition);
    }
}
