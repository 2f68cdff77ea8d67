package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The delivery that a sink task on a Connect worker has to try again, and the partitions that it has paused meanwhile.
 *
 * <p>Connect would deliver again by itself after a {@code RetriableException}, and it would log the stack trace of the
 * exception at each attempt. So the task does the same without an exception: it keeps the delivery, pauses its
 * partitions so that Connect polls no further records, and asks for the next call. The consumer keeps its membership in
 * the group, because Connect goes on polling. The memory is bounded by one delivery. {@code preCommit} returns nothing
 * while a delivery is kept.
 *
 * <p>If partitions are revoked, the task drops their records, and the next owner gets them again. Partitions that are
 * assigned meanwhile are paused as well.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class Redelivery {
    private static final Logger log = LoggerFactory.getLogger(Redelivery.class);

    /** Accepts a partition that the task itself keeps paused for another reason. */
    private final Predicate<TopicPartition> isSkipped;

    private final Set<TopicPartition> paused = new HashSet<>();

    /** The records of the delivery that has failed. */
    private Collection<SinkRecord> records = List.of();

    private boolean isUnderWay;

    Redelivery(Predicate<TopicPartition> isSkipped) {
        this.isSkipped = isSkipped;
    }

    /** Returns true if no record is kept. */
    boolean isEmpty() {
        return records.isEmpty();
    }

    /** Returns the number of records that are kept. */
    int size() {
        return records.size();
    }

    /**
     * Returns the records to work on: the kept ones, and those that Connect has delivered.
     *
     * <p>While records are kept, Connect delivers more of them only if the partitions are not paused. That happens if
     * an operator pauses and resumes the connector during one call: Connect does not pause a consumer that it is about
     * to pause itself. Then the task keeps these records, too, and pauses again.
     */
    Collection<SinkRecord> next(Collection<SinkRecord> delivered, SinkTaskContext context) {
        if (records.isEmpty()) {
            return delivered;
        }
        if (!delivered.isEmpty()) {
            var all = new ArrayList<SinkRecord>(records);
            all.addAll(delivered);
            records = all;
            paused.clear();
            pause(context.assignment(), context);
        }
        return records;
    }

    /** Keeps a delivery that has failed, and pauses all partitions. */
    void failed(Collection<SinkRecord> delivery, RetriableException failure, SinkTaskContext context) {
        boolean isOfDatabase = failure.getCause() instanceof QueueException; // DatabaseState logs it.
        if (!isUnderWay && !isOfDatabase) {
            log.warn(
                    "A delivery is not written as a whole yet, and the task continues with it records={} reason={}",
                    delivery.size(),
                    failure.getMessage());
        }
        isUnderWay = true;
        records = delivery;
        pause(context.assignment(), context);
    }

    /** Notes partitions that Connect has assigned. */
    void open(Collection<TopicPartition> partitions, SinkTaskContext context) {
        if (isUnderWay) {
            pause(partitions, context);
        }
    }

    private void pause(Collection<TopicPartition> partitions, SinkTaskContext context) {
        TopicPartition[] more = partitions.stream()
                .filter(partition -> !isSkipped.test(partition) && paused.add(partition))
                .toArray(TopicPartition[]::new);
        if (more.length > 0) {
            context.pause(more);
        }
    }

    /** Drops the kept records of partitions that are revoked. */
    void close(Collection<TopicPartition> partitions) {
        paused.removeAll(partitions);
        if (!records.isEmpty()) {
            records = records.stream()
                    .filter(record -> !partitions.contains(
                            new TopicPartition(record.originalTopic(), record.originalKafkaPartition())))
                    .toList();
        }
    }

    /** Notes that nothing is left to try again, and resumes the partitions. */
    void succeeded(SinkTaskContext context) {
        if (!isUnderWay) {
            return;
        }
        isUnderWay = false;
        records = List.of();
        paused.retainAll(context.assignment());
        context.resume(paused.toArray(TopicPartition[]::new));
        paused.clear();
    }
}
