package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.connect.record.RecordHeaders;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.TestPostgres;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;

/** A database and two topics in memory, with methods to drive a sink task over them. */
abstract class SinkTaskFixture {
    static final TopicPartition ORDERS_0 = new TopicPartition("orders", 0);
    static final TopicPartition ORDERS_1 = new TopicPartition("orders", 1);

    final Map<TopicPartition, List<SinkRecord>> topics = new LinkedHashMap<>();
    final Observed observed = new Observed();

    @AutoClose
    final TestPostgres postgres = TestPostgres.withSchema();

    @BeforeEach
    void openDatabase() {
        topics.put(ORDERS_0, new ArrayList<>());
        topics.put(ORDERS_1, new ArrayList<>());
    }

    /** Records the outcomes that the task reports, by the name {@code topic-partition-offset} of each record. */
    static final class Observed implements OutcomeObserver {
        final List<String> committed = new ArrayList<>();
        final List<String> alreadyStored = new ArrayList<>();
        final List<String> refused = new ArrayList<>();

        @Override
        public void committed(List<SinkRecord> records, List<PushOutcome> outcomes) {
            assertThat(outcomes).hasSameSizeAs(records);
            records.forEach(record -> committed.add(name(record)));
        }

        @Override
        public void alreadyStored(List<SinkRecord> records) {
            records.forEach(record -> alreadyStored.add(name(record)));
        }

        @Override
        public void refused(SinkRecord record, String reason) {
            assertThat(reason).isNotBlank();
            refused.add(name(record));
        }

        private static String name(SinkRecord record) {
            return record.originalTopic() + "-" + record.originalKafkaPartition() + "-" + record.originalKafkaOffset();
        }
    }

    Map<String, String> properties(String url) {
        var properties = new HashMap<String, String>();
        properties.put("name", "orders-sink");
        properties.put(QueueSinkConfig.CONNECTION_URL, url);
        properties.put(QueueSinkConfig.CONNECTION_USER, "postgres");
        properties.put(QueueSinkConfig.RETRY_BACKOFF_MS, "1");
        properties.put(QueueSinkConfig.RETRY_BACKOFF_MAX_MS, "5");
        return properties;
    }

    Map<String, String> properties(String... more) {
        var properties = properties(postgres.url());
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    FakeWorker worker() {
        return new FakeWorker(new QueueSinkTask(observed), topics, 50);
    }

    /** Runs a task until it has stored all records. */
    void storeAll() {
        try (FakeWorker worker = worker().start(properties())) {
            worker.pollAll();
        }
    }

    SinkRecord record(TopicPartition partition, long offset) {
        return new SinkRecord(
                partition.topic(),
                partition.partition(),
                Schema.STRING_SCHEMA,
                "customer-" + offset % 3,
                null,
                Map.of("number", offset),
                offset);
    }

    void produce(TopicPartition partition, int from, int to) {
        for (int offset = from; offset < to; offset++) {
            topics.get(partition).add(record(partition, offset));
        }
    }

    /** Produces a record that PostgreSQL refuses: no text there can contain U+0000. */
    void producePoison(TopicPartition partition, int offset) {
        SinkRecord record = record(partition, offset);
        record.headers().addString(RecordHeaders.PRODUCER_SUB, "a\u0000b");
        topics.get(partition).add(record);
    }

    List<String> stored() {
        return postgres.query("select transaction_id from sluice.messages order by partition_id, seq");
    }

    List<String> storedNames() {
        return postgres.query(
                "select transaction_id from sluice.messages order by length(transaction_id), transaction_id");
    }

    static List<String> names(TopicPartition partition, int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(offset -> partition + "-" + offset)
                .toList();
    }

    List<String> offsets() {
        return postgres.query(
                "select source, topic, partition, next_offset from sluice.sink_offsets order by topic, partition");
    }

    void setOffset(TopicPartition partition, long offset) {
        postgres.execute("update sluice.sink_offsets set next_offset = " + offset + " where partition = "
                + partition.partition());
    }
}
