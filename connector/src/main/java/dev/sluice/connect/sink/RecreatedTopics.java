package dev.sluice.connect.sink;

import static dev.sluice.queue.write.SourceProgress.NONE;

import dev.sluice.queue.write.QueueWriter;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Detects partitions whose topic was recreated or truncated, so that stored offsets belong to other records. The
 * package comment says how, and what the task does.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class RecreatedTopics {
    private static final Logger log = LoggerFactory.getLogger(RecreatedTopics.class);

    /** What an operator does about a partition with stored offsets that belong to other records. */
    private static final String REMEDY =
            ". Its records cannot be distinguished from the stored ones, and a restart does"
                    + " not help. Stop the connector, set the partition's offset with PATCH /connectors/NAME/offsets (0 for each"
                    + " partition of a recreated topic) and resume it";

    private final List<Found> found = new ArrayList<>();

    /**
     * A record that Connect has delivered for the first time below the offset that the partition had passed.
     *
     * @param what what happened, without the remedy
     */
    private record Found(SinkPosition position, long offset, String what) {}

    boolean isEmpty() {
        return found.isEmpty();
    }

    /** Checks a record that Connect delivers for the first time. */
    void notice(SinkPosition position, long offset) {
        long passed = position.pass(offset);
        if (passed == NONE || found.stream().anyMatch(each -> each.position == position)) {
            return;
        }
        String what = position.topicPartition + " was to continue at offset " + passed + ", but Kafka has delivered "
                + offset + ": the topic was recreated or truncated, or it never reached this offset";
        log.error("The task fails because a topic was recreated reason={}", what);
        found.add(new Found(position, offset, what));
    }

    /**
     * Fails if a partition was noticed. If something is stored at the offset, PostgreSQL keeps the reason, and each
     * later task of the partition fails too.
     *
     * @throws ConnectException if a partition was noticed
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed; call again
     */
    void failIfAny(QueueWriter writer) {
        if (found.isEmpty()) {
            return;
        }
        var reasons = new ArrayList<String>();
        for (Found each : found) {
            String reason = each.what + REMEDY;
            boolean isRefused = writer.refuse(each.position.sourcePartition, each.offset, reason);
            reasons.add(isRefused ? reason : each.what + ". Nothing is stored at this offset: start the task again");
        }
        throw new ConnectException(String.join("; ", reasons));
    }
}
