package dev.sluice.connect.worker;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.connect.record.RecordHeaders;
import dev.sluice.connect.sink.SinkTaskContract;
import dev.sluice.queue.NewMessage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Checks the promises of the sink task on a real worker. The records come from a topic, and the position is that of the
 * consumer group.
 */
class SinkTaskContractIT extends SinkTaskContract {
    private static final AtomicInteger TOPICS = new AtomicInteger();

    @Override
    protected Host host(String url, Map<String, String> properties) throws Exception {
        return new OnWorker(url, properties);
    }

    private static final class OnWorker implements Host {
        private final KafkaBroker broker = SharedKafka.broker();
        private final ConnectWorker worker = SharedKafka.worker();
        private final Producer<byte[], byte[]> producer = Records.producer(broker);
        private final String name = "contract-" + TOPICS.incrementAndGet();
        private final Map<String, String> configuration;
        private boolean exists;
        private long sent;

        OnWorker(String url, Map<String, String> properties) throws Exception {
            broker.createTopic(name, 1, Map.of());
            broker.createTopic(name + "-bad", 1, Map.of());
            configuration = new HashMap<>(Map.of(
                    "connector.class", "dev.sluice.connect.QueueSinkConnector",
                    "topics", name,
                    "connection.url", url,
                    "connection.user", "postgres",
                    "value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
                    "consumer.override.auto.offset.reset", "earliest",
                    "errors.tolerance", "all",
                    "errors.deadletterqueue.topic.name", name + "-bad",
                    "errors.deadletterqueue.topic.replication.factor", "1"));
            configuration.putAll(properties);
        }

        @Override
        public void send(List<NewMessage> messages) throws Exception {
            var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
            for (NewMessage each : messages) {
                records.add(new ProducerRecord<>(
                        name, 0, RecordHeaders.key(each).getBytes(UTF_8), each.payload(), RecordHeaders.kafka(each)));
            }
            Records.send(producer, records);
            sent += records.size();
        }

        @Override
        public void start() throws Exception {
            if (exists) {
                worker.ask("PUT", "/connectors/" + name + "/resume", null);
            } else {
                exists = true;
                worker.configure(name, configuration);
            }
            awaiting(() -> worker.runningTasks(name) == 1);
        }

        @Override
        public void stop() throws Exception {
            worker.ask("PUT", "/connectors/" + name + "/stop", null);
            awaiting(() -> worker.states(name).equals(List.of("STOPPED")));
        }

        @Override
        public void handOver() throws Exception {
            worker.ask("POST", "/connectors/" + name + "/tasks/0/restart", null);
        }

        @Override
        public void rewind() throws Exception {
            awaiting(() -> Records.rewind(broker, "connect-" + name));
        }

        @Override
        public long position() throws Exception {
            return sent - Records.lag(broker, "connect-" + name, name);
        }

        @Override
        public List<String> reported() throws Exception {
            return Records.readAll(broker, name + "-bad").stream()
                    .map(each -> new String(
                            each.headers()
                                    .lastHeader(RecordHeaders.TRANSACTION_ID)
                                    .value(),
                            UTF_8))
                    .toList();
        }

        @Override
        public void close() throws Exception {
            producer.close();
            if (exists) {
                worker.delete(name);
            }
        }
    }
}
