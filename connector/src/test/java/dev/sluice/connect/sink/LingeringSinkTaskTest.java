package dev.sluice.connect.sink;

import dev.sluice.queue.NewMessage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/** The promises of a sink task that lingers, on a worker in memory. */
class LingeringSinkTaskTest extends SinkTaskContract {
    @Override
    protected Host host(String url, Map<String, String> properties) {
        var task = new HashMap<>(properties);
        task.put("name", "lingering-sink");
        task.put(QueueSinkConfig.CONNECTION_URL, url);
        task.put(QueueSinkConfig.CONNECTION_USER, "postgres");
        task.put(QueueSinkConfig.LINGER_MS, "2");
        task.put(QueueSinkConfig.BATCH_SIZE, "40");
        return new OverTopic(task);
    }

    /** Polls on a thread of its own. A lock keeps the calls apart. */
    private static final class OverTopic implements Host {
        private static final TopicPartition TOPIC = new TopicPartition("contract", 0);
        private static final int MAX_POLL = 30;
        private static final int POLLS_PER_COMMIT = 20;
        private static final long PAUSE_MS = 2;

        private final Map<String, String> task;
        private final Map<TopicPartition, List<SinkRecord>> topics = Map.of(TOPIC, new ArrayList<>());
        private final Map<TopicPartition, Long> group = new HashMap<>();
        private final List<String> reported = new ArrayList<>();
        private @Nullable FakeWorker worker;
        private @Nullable Thread thread;

        OverTopic(Map<String, String> task) {
            this.task = task;
        }

        @Override
        public synchronized void send(List<NewMessage> messages) {
            List<SinkRecord> records = topics.get(TOPIC);
            for (NewMessage message : messages) {
                records.add(new SinkRecord(TOPIC.topic(), 0, null, null, null, message, records.size()));
            }
            notifyAll();
        }

        @Override
        public synchronized void start() {
            var started = new FakeWorker(new QueueSinkTask(), topics, MAX_POLL);
            started.group.putAll(group);
            started.start(task);
            worker = started;
            thread = new Thread(() -> pollWhileItRuns(started));
            thread.start();
        }

        private synchronized void pollWhileItRuns(FakeWorker started) {
            try {
                for (int polls = 1; worker == started; polls++) {
                    boolean any = started.poll();
                    if (polls % POLLS_PER_COMMIT == 0) {
                        started.commit();
                        group.putAll(started.group);
                    }
                    wait(any ? 1 : PAUSE_MS);
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void stop() throws InterruptedException {
            Thread polling;
            synchronized (this) {
                FakeWorker ending = worker;
                if (ending == null) {
                    return;
                }
                worker = null;
                ending.close();
                group.putAll(ending.group);
                reported.addAll(reportedBy(ending));
                polling = thread;
                notifyAll();
            }
            polling.join();
        }

        private static List<String> reportedBy(FakeWorker worker) {
            return worker.reported.stream()
                    .map(record -> ((NewMessage) record.value()).transactionId())
                    .toList();
        }

        @Override
        public void handOver() throws InterruptedException {
            stop();
            start();
        }

        @Override
        public synchronized void rewind() {
            group.clear();
        }

        @Override
        public synchronized long position() {
            return group.getOrDefault(TOPIC, 0L);
        }

        @Override
        public synchronized List<String> reported() {
            var all = new ArrayList<>(reported);
            if (worker != null) {
                all.addAll(reportedBy(worker));
            }
            return all;
        }

        @Override
        public void close() throws InterruptedException {
            stop();
        }
    }
}
