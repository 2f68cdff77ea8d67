package dev.sluice.connect.sink;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.jspecify.annotations.Nullable;

/**
 * Drives one sink task over topics in memory as a Connect worker does. Before each poll it seeks to the offsets that
 * the task has asked for. After a {@link RetriableException} it delivers the same records again. It commits the offsets
 * of {@code preCommit}. If its position does not exist, it begins at the start of the topic.
 */
public final class FakeWorker implements AutoCloseable {
    private static final int MAX_TRIES = 500;

    final Context context = new Context();
    public final List<SinkRecord> reported = new ArrayList<>();
    final List<Throwable> failures = new ArrayList<>();

    /** The offsets of the consumer group. For a restart, pass those of one worker to the next. */
    final Map<TopicPartition, Long> group = new HashMap<>();

    private final SinkTask task;
    private final Map<TopicPartition, List<SinkRecord>> topics;
    private final Map<TopicPartition, Long> positions = new HashMap<>();
    private final Map<TopicPartition, Long> current = new HashMap<>();
    private final List<SinkRecord> batch = new ArrayList<>();
    private final int maxPoll;
    private @Nullable ErrantRecordReporter reporter = this::report;

    /** Makes a worker; {@link #start} starts the task. */
    public FakeWorker(SinkTask task, Map<TopicPartition, List<SinkRecord>> topics, int maxPoll) {
        this.task = task;
        this.topics = topics;
        this.maxPoll = maxPoll;
    }

    public FakeWorker withoutReporter() {
        reporter = null;
        return this;
    }

    /** Replaces the reporter that collects all reported records. */
    public FakeWorker withReporter(ErrantRecordReporter other) {
        reporter = other;
        return this;
    }

    private Future<Void> report(SinkRecord record, Throwable error) {
        reported.add(record);
        return CompletableFuture.completedFuture(null);
    }

    /** Starts the task and assigns all topics to it. */
    public FakeWorker start(Map<String, String> properties) {
        task.initialize(context);
        task.start(properties);
        for (TopicPartition partition : topics.keySet()) {
            positions.put(partition, group.getOrDefault(partition, 0L));
            current.put(partition, positions.get(partition));
        }
        context.assignment.addAll(topics.keySet());
        task.open(topics.keySet());
        return this;
    }

    /** Polls and delivers once. Returns false if there was no record and the task has asked for nothing. */
    public boolean poll() {
        seek();
        if (batch.isEmpty()) {
            fetch();
        }
        boolean timedOut = context.timeoutMs > 0;
        boolean any = !batch.isEmpty();
        if (timedOut && !any) {
            sleep(context.timeoutMs); // A consumer waits for records that long.
        }
        context.timeoutMs = -1;
        try {
            task.put(List.copyOf(batch));
            for (SinkRecord record : batch) {
                current.put(new TopicPartition(record.topic(), record.kafkaPartition()), record.kafkaOffset() + 1);
            }
            batch.clear();
        } catch (RetriableException e) {
            failures.add(e);
            sleep(Math.min(20, Math.max(1, context.timeoutMs)));
        }
        return any || timedOut || !context.offsets.isEmpty();
    }

    /**
     * Revokes all partitions and assigns them again. It keeps the batch to deliver again, as a worker does whose
     * records a transform has given another topic.
     */
    void rebalance() {
        commit();
        task.close(topics.keySet());
        for (TopicPartition partition : topics.keySet()) {
            positions.put(partition, group.getOrDefault(partition, 0L));
            current.put(partition, positions.get(partition));
        }
        task.open(topics.keySet());
        seek();
    }

    /** Revokes some partitions and keeps the others, as a cooperative rebalance does. */
    void revoke(Collection<TopicPartition> partitions) {
        commit();
        task.close(partitions);
        batch.removeIf(record -> partitions.contains(new TopicPartition(record.topic(), record.kafkaPartition())));
        positions.keySet().removeAll(partitions);
        current.keySet().removeAll(partitions);
        context.assignment.removeAll(partitions);
        context.paused.removeAll(partitions);
    }

    /** Assigns more partitions. */
    void assign(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            positions.put(partition, group.getOrDefault(partition, 0L));
            current.put(partition, positions.get(partition));
        }
        context.assignment.addAll(partitions);
        task.open(partitions);
    }

    /** Drops the batch to deliver again, as a worker does after it has lost the partitions. */
    void dropBatch() {
        batch.clear();
    }

    /** Moves the consumer without a request of the task. */
    void seekTo(TopicPartition partition, long offset) {
        positions.put(partition, offset);
    }

    private void seek() {
        context.offsets.forEach((partition, offset) -> {
            positions.put(partition, offset);
            current.put(partition, offset);
        });
        context.offsets.clear();
    }

    private void fetch() {
        for (Map.Entry<TopicPartition, List<SinkRecord>> topic : topics.entrySet()) {
            if (!context.assignment.contains(topic.getKey())) {
                continue;
            }
            List<SinkRecord> records = topic.getValue();
            long end = records.isEmpty() ? 0 : records.get(records.size() - 1).kafkaOffset() + 1;
            if (positions.get(topic.getKey()) > end) {
                positions.put(topic.getKey(), 0L); // As auto.offset.reset=earliest says.
            }
            long position = positions.get(topic.getKey());
            for (SinkRecord record : records) {
                boolean isWanted = record.kafkaOffset() >= position && !context.paused.contains(topic.getKey());
                if (isWanted && batch.size() < maxPoll) {
                    batch.add(record);
                    positions.put(topic.getKey(), record.kafkaOffset() + 1);
                }
            }
        }
    }

    /** Polls until all records are delivered. */
    public void pollAll() {
        for (int tries = 0; tries < MAX_TRIES; tries++) {
            if (!poll()) {
                commit();
                return;
            }
        }
        throw new AssertionError("still not done after " + MAX_TRIES + " polls; failures: " + failures);
    }

    public void commit() {
        var offsets = new HashMap<TopicPartition, OffsetAndMetadata>();
        current.forEach((partition, offset) -> offsets.put(partition, new OffsetAndMetadata(offset)));
        task.preCommit(offsets).forEach((partition, offset) -> {
            if (offset.offset() > current.get(partition)) {
                throw new AssertionError(partition + ": preCommit returned " + offset.offset() + ", delivered is "
                        + current.get(partition));
            }
            group.put(partition, offset.offset());
        });
    }

    @Override
    public void close() {
        commit();
        task.close(context.assignment);
        task.stop();
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new ConnectException(e);
        }
    }

    /** Collects the requests of the task. */
    final class Context implements SinkTaskContext {
        final Map<TopicPartition, Long> offsets = new HashMap<>();
        final Set<TopicPartition> assignment = new LinkedHashSet<>();
        final Set<TopicPartition> paused = new LinkedHashSet<>();
        long timeoutMs = -1;

        @Override
        public Map<String, String> configs() {
            return Map.of();
        }

        @Override
        public void offset(Map<TopicPartition, Long> newOffsets) {
            offsets.putAll(newOffsets);
        }

        @Override
        public void offset(TopicPartition partition, long offset) {
            offsets.put(partition, offset);
        }

        @Override
        public void timeout(long newTimeoutMs) {
            timeoutMs = newTimeoutMs;
        }

        @Override
        public Set<TopicPartition> assignment() {
            return assignment;
        }

        @Override
        public void pause(TopicPartition... partitions) {
            paused.addAll(List.of(partitions));
        }

        @Override
        public void resume(TopicPartition... partitions) {
            paused.removeAll(List.of(partitions));
        }

        @Override
        public void requestCommit() {}

        @Override
        public @Nullable ErrantRecordReporter errantRecordReporter() {
            return reporter;
        }

        @Override
        public PluginMetrics pluginMetrics() {
            throw new UnsupportedOperationException();
        }
    }
}
