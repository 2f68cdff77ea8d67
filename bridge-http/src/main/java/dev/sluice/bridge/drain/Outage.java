package dev.sluice.bridge.drain;

import dev.sluice.bridge.ingest.Lane;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a lane can write, and the three lines it logs about a time when it cannot: the beginning, a count now and
 * then, the end.
 *
 * <p>One failed try is no outage unless the connection is to blame: a deadlock is over at the next one. The lane's
 * drain writes, any thread reads.
 */
final class Outage {
    private static final Logger log = LoggerFactory.getLogger(Outage.class);

    /** Failed tries in a row after which nobody hopes for the next one. */
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
     * A try failed.
     *
     * @param lostConnection whether PostgreSQL could not be talked to at all
     */
    void failed(Throwable reason, boolean lostConnection) {
        lastError = reason.getMessage() == null ? reason.toString() : reason.getMessage();
        failures.increment();
        failuresInRow++;
        long now = System.nanoTime();
        if (failuresInRow == 1) {
            sinceNanos = now;
        }
        if (!lane.isDown()) {
            if (lostConnection || failuresInRow > TOLERATED) {
                lane.setDown(true);
                outages.increment();
                reportedNanos = now;
                log.warn(
                        "The lane cannot be drained; messages stay in the log and it is tried again. lane={} reason={}",
                        lane.name(),
                        lastError);
            }
        } else if (now - reportedNanos > REPORT_INTERVAL.toNanos()) {
            reportedNanos = now;
            log.warn(
                    "The lane still cannot be drained. lane={} seconds={} tries={} undrained={} reason={}",
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
                    "The lane is drained again. lane={} seconds={} tries={} undrained={}",
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

    /** The lane has ended, or holds, for this reason. */
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
