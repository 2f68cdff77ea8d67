package dev.sluice.connect.source;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;
import org.apache.kafka.connect.storage.StringConverter;

/** Drives one source task as a Connect worker does: it stores the records that the task returns, with their offsets. */
public final class FakeSourceWorker implements AutoCloseable, SourceTaskContext {
    private static final int MAX_POLLS = 2_000;

    public final List<SourceRecord> records = new ArrayList<>();

    /** The offsets that Connect stores. For a restart, pass those of one worker to the next. */
    public final Map<Map<String, ?>, Map<String, ?>> offsets;

    private final QueueSourceTask task = new QueueSourceTask();
    private final Map<String, String> properties;

    public FakeSourceWorker(Map<String, String> properties) {
        this(properties, new HashMap<>());
    }

    public FakeSourceWorker(Map<String, String> properties, Map<Map<String, ?>, Map<String, ?>> offsets) {
        this.properties = properties;
        this.offsets = offsets;
        task.initialize(this);
        task.start(properties);
    }

    /** Polls once and commits the records. */
    public List<SourceRecord> poll() {
        try {
            List<SourceRecord> polled = task.poll();
            List<SourceRecord> came = polled == null ? List.of() : polled;
            came.forEach(record -> offsets.put(record.sourcePartition(), record.sourceOffset()));
            records.addAll(came);
            return came;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Polls until the worker has {@code count} records in all. */
    public FakeSourceWorker pollUntil(int count) {
        for (int polls = 0; polls < MAX_POLLS && records.size() < count; polls++) {
            poll();
        }
        if (records.size() != count) {
            throw new AssertionError("expected " + count + " records, got " + records.size());
        }
        return this;
    }

    /** Polls until the task finds nothing new. */
    public FakeSourceWorker pollAll() {
        for (int idle = 0; idle < 2; ) {
            idle = poll().isEmpty() ? idle + 1 : 0;
        }
        return this;
    }

    public List<String> values() {
        return records.stream().map(record -> String.valueOf(record.value())).toList();
    }

    /** Returns the records as a consumer gets them: in order, with one partition for each topic. */
    public Map<TopicPartition, List<SinkRecord>> topics() {
        var topics = new HashMap<TopicPartition, List<SinkRecord>>();
        for (SourceRecord record : records) {
            List<SinkRecord> topic =
                    topics.computeIfAbsent(new TopicPartition(record.topic(), 0), name -> new ArrayList<>());
            var consumed = new SinkRecord(
                    record.topic(),
                    0,
                    record.keySchema(),
                    record.key(),
                    record.valueSchema(),
                    record.value(),
                    topic.size());
            record.headers().forEach(header -> consumed.headers().add(header.key(), sent(record.topic(), header)));
            topic.add(consumed);
        }
        return topics;
    }

    /** Returns the value of a header as a consumer gets it with {@code StringConverter} at both ends. */
    private static SchemaAndValue sent(String topic, Header header) {
        var converter = new StringConverter();
        converter.configure(Map.of("converter.type", "header"));
        byte[] bytes = converter.fromConnectHeader(topic, header.key(), header.schema(), header.value());
        return converter.toConnectHeader(topic, header.key(), bytes);
    }

    public QueueSourceTask task() {
        return task;
    }

    @Override
    public void close() {
        task.stop();
    }

    @Override
    public Map<String, String> configs() {
        return properties;
    }

    @Override
    public OffsetStorageReader offsetStorageReader() {
        return new OffsetStorageReader() {
            @Override
            public <T> Map<String, Object> offset(Map<String, T> partition) {
                throw new UnsupportedOperationException();
            }

            @Override
            public <T> Map<Map<String, T>, Map<String, Object>> offsets(Collection<Map<String, T>> partitions) {
                var found = new HashMap<Map<String, T>, Map<String, Object>>();
                partitions.forEach(partition -> {
                    if (offsets.containsKey(partition)) {
                        found.put(partition, new HashMap<>(offsets.get(partition)));
                    }
                });
                return found;
            }
        };
    }

    @Override
    public PluginMetrics pluginMetrics() {
        throw new UnsupportedOperationException();
    }
}
