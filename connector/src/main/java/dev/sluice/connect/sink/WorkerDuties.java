package dev.sluice.connect.sink;

import dev.sluice.connect.plugin.DatabaseState;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.WriterWakeUps;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a sink task on a Connect worker does for the queue besides writing: it wakes the consumers at bridges, releases
 * parked messages and stores the number of partitions of topics. In a bridge it does nothing: other threads wake and
 * release there, and nothing needs the numbers.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class WorkerDuties {
    private static final Logger log = LoggerFactory.getLogger(WorkerDuties.class);

    /** Most parked messages of a queue that one transaction releases. */
    private static final int MAX_RELEASED = 2_000;

    private final boolean isOnWorker;
    private final QueueSinkConfig config;
    private final SinkDatabase database;
    private final DatabaseState state;
    private final WriterWakeUps wakeUps;
    private final SeenTopics seenTopics = new SeenTopics();

    /** Whether a batch was written since the last look at the parked messages. */
    private boolean hasWritten;

    WorkerDuties(boolean isOnWorker, QueueSinkConfig config, SinkDatabase database, DatabaseState state) {
        this.isOnWorker = isOnWorker;
        this.config = config;
        this.database = database;
        this.state = state;
        this.wakeUps = new WriterWakeUps(database.writer(), config.postgres().schema());
    }

    /** Notes partitions that the task has opened, in memory. */
    void see(Collection<TopicPartition> partitions) {
        seenTopics.see(partitions);
    }

    /**
     * Stores the number of partitions of the topics.
     *
     * @throws QueueException if PostgreSQL failed; call again
     */
    void storeTopics() {
        if (isOnWorker) {
            seenTopics.store(config, database.dataSource());
        }
    }

    /** Wakes consumers of the queues that messages were written to. */
    void written(List<NewMessage> messages, List<PushOutcome> outcomes) {
        if (isOnWorker) {
            wakeUps.written(messages, outcomes);
            hasWritten = true;
        }
    }

    /**
     * Releases parked messages to their queues, and wakes their consumers. While the task holds records, it does so
     * once for each call that has written a batch.
     *
     * @param isIdle whether the task holds no record
     */
    void releaseParked(boolean isIdle) {
        if (!isOnWorker || !(isIdle || hasWritten)) {
            return;
        }
        hasWritten = false;
        try {
            wakeUps.released(database.writer().releaseParked(MAX_RELEASED));
            state.succeeded();
        } catch (QueueException e) {
            if (DatabaseState.isAway(e)) {
                state.failed(e);
                return;
            }
            log.warn("Parked messages are not released yet; the task retries reason={}", e.getMessage());
        }
    }

    /** Sends the wake-ups that are due. Returns how long the others have to wait, zero if there are none. */
    Duration sendWakeUps() {
        return wakeUps.sendRest();
    }
}
