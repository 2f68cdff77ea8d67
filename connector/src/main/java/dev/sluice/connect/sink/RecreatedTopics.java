package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.queue.write.QueueWriter;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices partitions that begin anew: their topic was deleted and made again, or has lost its end. The package comment
 * says by what, and what becomes of them.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class RecreatedTopics {
    private static final Logger log = LoggerFactory.getLogger(RecreatedTopics.class);

    /** What to do about a partition whose records have offsets that are stored. */
    private static final String REFUSED =
            ". Its records cannot be told from those that are stored, and a restart does not help. Stop the connector, set the partition's"
                    + " offset by PATCH /connectors/NAME/offsets (0 for each of a topic made again) and resume it";

    private final List<Found> found = new ArrayList<>();

    /**
     * A record that Connect has delivered for the first time below the offset that a partition had passed.
     *
     * @param what happened, without what to do about it
     */
    private record Found(SinkPosition source, long offset, String what) {}

    boolean isEmpty() {
        return found.isEmpty();
    }

    /** Looks at a record that is delivered for the first time. */
    void notice(SinkPosition source, long offset) {
        long passed = source.pass(offset);
        if (passed == NONE || found.stream().anyMatch(each -> each.source == source)) {
            return;
        }
        String what = source.topicPartition + " was to continue at offset " + passed + ", but Kafka has delivered "
                + offset + ": the topic was deleted and made again, has lost its end, or never came so far";
        log.error("A partition begins anew; the task ends. reason={}", what);
        found.add(new Found(source, offset, what));
    }

    /**
     * Does nothing if none was noticed.
     *
     * @throws ConnectException if one was: for this task, and for any after it where its records would be taken for
     *     those that are stored
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed; call again
     */
    void refuse(QueueWriter writer) {
        if (found.isEmpty()) {
            return;
        }
        var reasons = new ArrayList<String>();
        for (Found each : found) {
            String reason = each.what + REFUSED;
            boolean isRefused = writer.refuse(each.source.partition, each.offset, reason);
            reasons.add(isRefused ? reason : each.what + ". Nothing is stored at this offset: start the task again");
        }
        throw new ConnectException(String.join("; ", reasons));
    }
}
