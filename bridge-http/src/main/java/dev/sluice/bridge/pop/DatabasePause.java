package dev.sluice.bridge.pop;

import dev.sluice.queue.QueueException;
import java.sql.SQLException;
import java.util.concurrent.TimeUnit;

/** The backoff of pops while the database fails. Guarded by the waiting room's lock. */
final class DatabasePause {
    private static final long SHORTEST_MILLIS = 100;
    private static final long LONGEST_MILLIS = 1000;
    private static final int MAX_DOUBLINGS = 10;

    /** Failures in a row. */
    private int failures;

    private long retryNanos;
    private QueueException lastFailure = new QueueException("could not pop", new SQLException("not tried", "08001"));

    /** Makes the failure of a pop that the database did not serve in time. */
    QueueException unavailable(String reason) {
        return new QueueException("could not pop", new SQLException(reason, "57014"));
    }

    /** Returns whether the last try failed. */
    boolean isFailing() {
        return failures > 0;
    }

    /** Returns whether the next try must wait until {@link #retryNanos}. */
    boolean isOn(long nowNanos) {
        return failures > 0 && nowNanos - retryNanos < 0;
    }

    long retryNanos() {
        return retryNanos;
    }

    QueueException lastFailure() {
        return lastFailure;
    }

    /** Notes a failure and lengthens the pause. Returns whether it is the first in a row. */
    boolean failed(QueueException failure, long nowNanos) {
        long pause = Math.min(LONGEST_MILLIS, SHORTEST_MILLIS << Math.min(failures, MAX_DOUBLINGS));
        lastFailure = failure;
        retryNanos = nowNanos + TimeUnit.MILLISECONDS.toNanos(pause);
        return failures++ == 0;
    }

    /** Notes a success. Returns whether it ends a row of failures. */
    boolean succeeded() {
        boolean recovered = failures > 0;
        failures = 0;
        return recovered;
    }

    /** Ends the pause, so that the next try may come now. */
    void retryNow(long nowNanos) {
        retryNanos = nowNanos;
    }
}
