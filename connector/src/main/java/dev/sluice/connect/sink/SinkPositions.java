package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.connect.record.RecordPlace;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.SourcePartition;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The positions of a sink task in its open topic partitions. It keeps them in step with the offsets in PostgreSQL and
 * tells Connect where to continue.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SinkPositions {
    private static final Logger log = LoggerFactory.getLogger(SinkPositions.class);

    private final Map<TopicPartition, SinkPosition> positions = new HashMap<>();

    /** The position of the last record: the next record often has the same. */
    private @Nullable SinkPosition last;

    /** Whether a stored offset was read, and held records may lie below it. It stays if a later read fails. */
    private boolean hasMoved;

    /** Adds partitions. Their stored offsets are unknown until {@link #resume} or {@link #locate} reads them. */
    void open(String source, Collection<TopicPartition> partitions) {
        last = null;
        partitions.forEach(partition -> positions.put(partition, new SinkPosition(source, partition)));
    }

    /** Removes a partition, and returns its position if it was open. */
    @Nullable
    SinkPosition close(TopicPartition partition) {
        last = null;
        return positions.remove(partition);
    }

    /** Returns true if all stored offsets are known. */
    boolean areKnown() {
        return positions.values().stream().allMatch(SinkPosition::isKnown);
    }

    /**
     * Returns the position of a record's partition.
     *
     * @throws IllegalStateException if the partition is not open
     */
    SinkPosition of(SinkRecord record) {
        SinkPosition cached = last;
        if (cached != null
                && cached.topicPartition.partition() == record.originalKafkaPartition()
                && cached.topicPartition.topic().equals(record.originalTopic())) {
            return cached;
        }
        SinkPosition position = find(record);
        if (position == null) {
            throw new IllegalStateException(
                    RecordPlace.describe(record) + " belongs to no open partition: " + positions.keySet());
        }
        last = position;
        return position;
    }

    /** Returns the position of a record's partition, or null if the partition is not open. */
    @Nullable
    SinkPosition find(SinkRecord record) {
        return positions.get(RecordPlace.partition(record));
    }

    /** Returns the position with a key in PostgreSQL, or null if the partition is not open. */
    @Nullable
    SinkPosition find(SourcePartition sourcePartition) {
        return positions.get(new TopicPartition(sourcePartition.topic(), sourcePartition.partition()));
    }

    /** Notes that Connect has gone back wherever the task asked for it. */
    void rewound() {
        positions.values().forEach(SinkPosition::rewound);
    }

    /** Reads the stored offset of partitions that the task has just opened, and has Connect continue there. */
    void resume(Collection<TopicPartition> partitions, QueueWriter writer, SinkTaskContext context) {
        for (TopicPartition partition : partitions) {
            SinkPosition position = positions.get(partition);
            OptionalLong stored = writer.storedOffset(position.sourcePartition);
            position.locatedAt(stored);
            stored.ifPresent(offset -> seek(position, offset, context));
        }
    }

    private static void seek(SinkPosition position, long offset, SinkTaskContext context) {
        position.continueAt(offset);
        context.offset(position.topicPartition, offset);
    }

    /**
     * Reads the stored offsets that are unknown. If Connect has delivered records from beyond a stored offset, the task
     * drops them and has Connect go back.
     */
    void locate(Collection<SinkRecord> delivered, QueueWriter writer, SinkTaskContext context) {
        for (SinkPosition position : positions.values()) {
            if (!position.isKnown()) {
                locate(position, delivered, writer, context);
                hasMoved = true;
            }
        }
    }

    private void locate(
            SinkPosition position, Collection<SinkRecord> delivered, QueueWriter writer, SinkTaskContext context) {
        OptionalLong stored = writer.storedOffset(position.sourcePartition);
        long expected = position.stored();
        long continueAt = position.locatedAt(stored);
        long first = NONE;
        long lastOffset = NONE;
        for (SinkRecord record : delivered) {
            if (of(record) == position) {
                first = first == NONE ? record.originalKafkaOffset() : first;
                lastOffset = record.originalKafkaOffset();
            }
        }
        boolean isLost = stored.isEmpty() && continueAt != NONE;
        if (isLost) {
            log.warn(
                    "PostgreSQL has lost a stored offset and the messages written with it, as after a restored backup, a failover or"
                            + " a deletion. The task goes back to the first record it knows of; to repeat earlier records, set"
                            + " the offset by hand source={} expected={} goingBackTo={} delivered={}",
                    position.sourcePartition,
                    expected,
                    continueAt,
                    first);
        }
        if (isLost || (continueAt != NONE && first > continueAt)) {
            position.rewind(continueAt);
            context.offset(position.topicPartition, continueAt);
        } else if (continueAt != NONE && lastOffset < continueAt) {
            // As on opening: skips stored records, detects records that replace them, and repeats those that were held.
            // If the delivered records reach beyond the stored offset, Connect already stands behind the last of them.
            seek(position, continueAt, context);
        }
    }

    /** Finds out whether writes of unknown outcome have committed. */
    void settleAttempts(QueueWriter writer) {
        for (SinkPosition position : positions.values()) {
            if (!position.hasUnsettledAttempt()) {
                continue;
            }
            OptionalLong stored = writer.storedOffset(position.sourcePartition);
            if (stored.isPresent() && stored.getAsLong() == position.attempted()) {
                log.info(
                        "The outcome of a commit was unknown; it has committed source={} offset={}",
                        position.sourcePartition,
                        stored.getAsLong());
                position.moveTo(stored.getAsLong());
                hasMoved = true;
            }
        }
    }

    /** Returns true if a stored offset was read since the last call. */
    boolean takeMoved() {
        boolean moved = hasMoved;
        hasMoved = false;
        return moved;
    }

    /** Returns the offsets that Connect may commit, given its own positions. */
    Map<TopicPartition, OffsetAndMetadata> committable(Map<TopicPartition, OffsetAndMetadata> current) {
        var committable = new HashMap<TopicPartition, OffsetAndMetadata>();
        current.forEach((partition, delivered) -> {
            SinkPosition position = positions.get(partition);
            long next = position == null ? NONE : position.committable(delivered.offset());
            if (next != NONE) {
                committable.put(partition, new OffsetAndMetadata(next));
            }
        });
        return committable;
    }
}
