package dev.sluice.bridge.drain;

import dev.sluice.bridge.ingest.Lane;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides whether a lane is down, and logs the beginning of an outage, its progress once a minute, and its end.
 *
 * <p>A lane is down when the connection is lost, when its task fails and must be replaced, or after three failed tries
 * in a row: one failed try, such as a deadlock, is no outage. The thread of the lane writes, any thread reads.
 */
final class Outage {
    private static final Logger log = LoggerFactory.getLogger(Outage.class);

    /** Failed tries in a row that do not make an outage. */
    private static final int TOLERATED = 2;

    private static final Duration REPORT_INTERVAL = Duration.ofSeconds(60);

    private final Lane lane;
    private int failuresInRow;
    private long sinceNanos;
    private long reportedNanos;
    private final LongAdder failures = new LongAdder();
    private final LongAdder outages = new LongAdder();
    private volatile @Nullable String lastError;

    Outage(Lane lane) {
        this.lane = lane;
    }

    /**
     * Notes a failed try.
     *
     * @param isOutage whether this try alone is an outage: the destination was unreachable, or the task must be
     *     replaced
     */
    void failed(Throwable reason, boolean isOutage) {
        lastError = reason.getMessage() == null ? reason.toString() : reason.getMessage();
        failures.increment();
        failuresInRow++;
        long now = System.nanoTime();
        if (failuresInRow == 1) {
            sinceNanos = now;
        }
        if (!lane.isDown()) {
            if (isOutage || failuresInRow > TOLERATED) {
                lane.setDown(true);
                outages.increment();
                reportedNanos = now;
                log.warn(
                        "Cannot drain the lane, retrying; messages stay in the log lane={} reason={}",
                        lane.name(),
                        lastError);
            }
        } else if (now - reportedNanos > REPORT_INTERVAL.toNanos()) {
            reportedNanos = now;
            log.warn(
                    "Still cannot drain the lane lane={} seconds={} tries={} undrained={} reason={}",
                    lane.name(),
                    seconds(now),
                    failuresInRow,
                    undrained(),
                    lastError);
        }
    }

    void succeeded() {
        if (failuresInRow == 0) {
            return;
        }
        if (lane.isDown()) {
            lane.setDown(false);
            log.info(
                    "Draining the lane again lane={} seconds={} tries={} undrained={}",
                    lane.name(),
                    seconds(System.nanoTime()),
                    failuresInRow,
                    undrained());
        }
        failuresInRow = 0;
    }

    private long seconds(long now) {
        return Duration.ofNanos(now - sinceNanos).toSeconds();
    }

    private long undrained() {
        return lane.segments().nextOffset() - lane.segments().committedOffset();
    }

    /** Notes why the lane has ended or holds. */
    void ended(Throwable reason) {
        lastError = String.valueOf(reason.getMessage());
    }

    long failures() {
        return failures.sum();
    }

    long outages() {
        return outages.sum();
    }

    Optional<String> lastError() {
        return Optional.ofNullable(lastError);
    }
}
