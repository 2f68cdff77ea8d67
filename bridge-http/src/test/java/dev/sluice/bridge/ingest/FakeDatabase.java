package dev.sluice.bridge.ingest;

import dev.sluice.connect.sink.OutcomeObserver;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.jspecify.annotations.Nullable;

/**
 * PostgreSQL as a drain sees it, in memory: stored messages and offsets that survive tasks, and switches for its
 * failures. Its tasks fulfil the contract of {@code QueueSinkTask}.
 */
public final class FakeDatabase {
    final Map<String, Long> offsets = new HashMap<>();
    final List<NewMessage> messages = new ArrayList<>();
    public final ConcurrentLinkedQueue<String> calls = new ConcurrentLinkedQueue<>();
    final Map<String, PushOutcome.Queued> byTransactionId = new LinkedHashMap<>();

    private boolean down;
    private int failures;
    private int crashes;
    private int crashesAfterReport;
    private boolean losesAnswers;
    private @Nullable CountDownLatch gate;

    public synchronized void down(boolean isDown) {
        down = isDown;
    }

    /** Makes each of the next tries fail once. */
    public synchronized void failNext(int times) {
        failures = times;
    }

    /** Makes the next calls of {@code put} end the task. */
    public synchronized void crashNext(int times) {
        crashes = times;
    }

    /** Makes the next calls of {@code put} end the task after they have reported refused records. */
    public synchronized void crashAfterReport(int times) {
        crashesAfterReport = times;
    }

    private synchronized void crashAfterReport() {
        if (crashesAfterReport > 0) {
            crashesAfterReport--;
            throw new ConnectException("the server is out of memory");
        }
    }

    /** Makes the next commit succeed without an answer. */
    public synchronized void loseNextAnswer() {
        losesAnswers = true;
    }

    /** Makes commits wait for the latch. */
    public synchronized void holdAt(@Nullable CountDownLatch latch) {
        gate = latch;
    }

    private synchronized @Nullable CountDownLatch gate() {
        return gate;
    }

    public synchronized List<String> stored() {
        return messages.stream().map(NewMessage::transactionId).toList();
    }

    public synchronized List<String> stored(String partition) {
        return messages.stream()
                .filter(message -> message.partition().equals(partition))
                .map(NewMessage::transactionId)
                .toList();
    }

    public synchronized @Nullable Long offset(String source) {
        return offsets.get(source);
    }

    public synchronized void setOffset(String source, long offset) {
        offsets.put(source, offset);
    }

    public synchronized Set<String> sources() {
        return Set.copyOf(offsets.keySet());
    }

    SinkTask task(OutcomeObserver observer) {
        return new Task(observer);
    }

    private synchronized void check() {
        if (crashes > 0) {
            crashes--;
            throw new ConnectException("permission denied for table segments");
        }
        if (failures > 0) {
            failures--;
            throw retriable("deadlock detected", "40P01");
        }
        if (down) {
            throw retriable("connection refused", "08001");
        }
    }

    private static RetriableException retriable(String message, String state) {
        var cause = new QueueException("could not write", new SQLException(message, state));
        return new RetriableException(message, cause);
    }

    private final class Task extends SinkTask {
        private final OutcomeObserver observer;
        private final Map<TopicPartition, Long> next = new HashMap<>();

        Task(OutcomeObserver observer) {
            this.observer = observer;
        }

        @Override
        public String version() {
            return "fake";
        }

        @Override
        public void start(Map<String, String> props) {
            calls.add("start");
        }

        @Override
        public void open(Collection<TopicPartition> partitions) {
            synchronized (FakeDatabase.this) {
                for (TopicPartition partition : partitions) {
                    calls.add("open " + epoch(partition));
                    Long stored = offsets.get(partition.toString());
                    if (stored != null) {
                        next.put(partition, stored);
                        context.offset(partition, stored);
                    }
                }
            }
        }

        @Override
        public void put(Collection<SinkRecord> records) {
            CountDownLatch latch = gate();
            if (latch != null) {
                try {
                    latch.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
            if (records.isEmpty()) {
                return;
            }
            context.timeout(5);
            check();
            write(records);
        }

        private void write(Collection<SinkRecord> records) {
            var stored = new ArrayList<SinkRecord>();
            var written = new ArrayList<SinkRecord>();
            var outcomes = new ArrayList<PushOutcome>();
            boolean answerLost;
            records.stream().filter(this::isRefused).forEach(this::report);
            crashAfterReport();
            synchronized (FakeDatabase.this) {
                for (SinkRecord record : records) {
                    var partition = new TopicPartition(record.topic(), record.kafkaPartition());
                    if (record.kafkaOffset() < offsets.getOrDefault(partition.toString(), -1L)) {
                        next.put(partition, record.kafkaOffset() + 1);
                        stored.add(record);
                    } else if (record.value() instanceof NewMessage message) {
                        written.add(record);
                        outcomes.add(store(message));
                        offsets.put(partition.toString(), record.kafkaOffset() + 1);
                        next.put(partition, record.kafkaOffset() + 1);
                    } else {
                        offsets.put(partition.toString(), record.kafkaOffset() + 1);
                        next.put(partition, record.kafkaOffset() + 1);
                        observer.refused(record, "not a message");
                    }
                }
                answerLost = losesAnswers;
                losesAnswers = false;
            }
            if (answerLost) {
                throw retriable("connection reset", "08006");
            }
            if (!stored.isEmpty()) {
                observer.alreadyStored(stored);
            }
            if (!written.isEmpty()) {
                observer.committed(written, outcomes);
            }
        }

        private boolean isRefused(SinkRecord record) {
            var partition = new TopicPartition(record.topic(), record.kafkaPartition());
            Long stored = offset(partition.toString());
            return !(record.value() instanceof NewMessage) && (stored == null || record.kafkaOffset() >= stored);
        }

        private void report(SinkRecord record) {
            try {
                context.errantRecordReporter()
                        .report(record, new ConnectException("not a message"))
                        .get();
            } catch (InterruptedException | ExecutionException e) {
                throw new ConnectException(e);
            }
        }

        private PushOutcome store(NewMessage message) {
            PushOutcome.Queued first = byTransactionId.get(message.transactionId());
            if (first != null) {
                return new PushOutcome.Duplicate(first.id(), first.partitionId());
            }
            messages.add(message);
            var queued = new PushOutcome.Queued(message.id(), 1, messages.size());
            byTransactionId.put(message.transactionId(), queued);
            return queued;
        }

        @Override
        public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> current) {
            var offsets = new HashMap<TopicPartition, OffsetAndMetadata>();
            next.forEach((partition, offset) -> offsets.put(partition, new OffsetAndMetadata(offset)));
            return offsets;
        }

        @Override
        public void close(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> calls.add("close " + epoch(partition)));
        }

        @Override
        public void stop() {
            calls.add("stop");
        }
    }

    private static String epoch(TopicPartition partition) {
        return partition.topic().substring(partition.topic().lastIndexOf('-') + 1);
    }
}
