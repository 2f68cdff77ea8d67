package dev.sluice.connect.plugin;

import dev.sluice.connect.plugin.TaskBean.Metric;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.SessionFailures;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a task knows about PostgreSQL: whether its last use succeeded, and what failed last.
 *
 * <p>It logs when PostgreSQL goes away and when it answers again. In between, and about conflicts with other
 * transactions, it logs a line every {@link #REMINDER} at most. A line has the reason and no stack trace: an outage is
 * nothing to debug in this program, and a stack trace at each retry would fill the worker's log.
 *
 * <p>The task's thread reports. Any thread may read.
 */
public final class DatabaseState {
    private static final Logger log = LoggerFactory.getLogger(DatabaseState.class);

    /** The shortest time between two lines about failures without a change. */
    static final Duration REMINDER = Duration.ofMinutes(5);

    private final String task;

    private volatile boolean isAvailable;
    private final AtomicLong failures = new AtomicLong();
    private volatile String lastError = "";
    private volatile long lastErrorNanos;

    /** Failures in a row. */
    private long inRow;

    private long sinceNanos;

    /** When the last line about a failure was logged; of no meaning unless {@link #isLogged}. */
    private long loggedNanos;

    private boolean isLogged;

    /** Whether the log says that PostgreSQL is away. */
    private boolean isAwayLogged;

    /** Makes the state of a task that has not used PostgreSQL yet. The log names the task so. */
    public DatabaseState(String task) {
        this.task = task;
    }

    /** Notes a use that succeeded. */
    public void succeeded() {
        isAvailable = true;
        if (isAwayLogged) {
            log.info(
                    "PostgreSQL answers again task={} failures={} seconds={}",
                    task,
                    inRow,
                    TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - sinceNanos));
        }
        isAwayLogged = false;
        inRow = 0;
    }

    /** Notes a failure after which the task retries. */
    public void failed(QueueException e) {
        long now = System.nanoTime();
        boolean isAway = isAway(e);
        isAvailable = isAvailable && !isAway;
        failures.incrementAndGet();
        lastError = String.valueOf(e.getMessage());
        lastErrorNanos = now;
        if (inRow++ == 0) {
            sinceNanos = now;
        }
        boolean isDue = !isLogged || now - loggedNanos >= REMINDER.toNanos();
        boolean isChange = isAway && !isAwayLogged;
        if (!isDue && !isChange) {
            log.debug("PostgreSQL failed again task={} failures={}", task, inRow, e);
            return;
        }
        isLogged = true;
        isAwayLogged = isAway;
        loggedNanos = now;
        long seconds = TimeUnit.NANOSECONDS.toSeconds(now - sinceNanos);
        if (isAway) {
            log.warn(
                    "PostgreSQL is away; the task loses nothing and retries task={} failures={} seconds={} reason={}",
                    task,
                    inRow,
                    seconds,
                    lastError);
        } else {
            log.warn(
                    "A transaction failed; the task retries it task={} failures={} seconds={} reason={}",
                    task,
                    inRow,
                    seconds,
                    lastError);
        }
    }

    /**
     * Returns true if the server cannot be reached or takes no work, in contrast to a conflict with another
     * transaction.
     */
    public static boolean isAway(QueueException e) {
        String state = e.sqlState();
        return state.isEmpty() || SessionFailures.isOver(state) || state.startsWith("53") || state.startsWith("58");
    }

    /** Returns the metrics of every task that uses PostgreSQL. */
    public List<Metric> metrics() {
        return List.of(
                Metric.number(
                        "database-available",
                        "1 or 0",
                        "1 if the last use of PostgreSQL succeeded. 0 if it failed, and before the first.",
                        () -> isAvailable ? 1 : 0),
                Metric.number(
                        "retries-total",
                        "failures",
                        "Failures of PostgreSQL after which the task retries.",
                        failures::get),
                new Metric(
                        "last-error",
                        "text",
                        "The last such failure. Empty if there was none.",
                        String.class,
                        () -> lastError),
                Metric.number(
                        "last-error-age-ms",
                        "ms",
                        "The time since the last such failure. -1 if there was none.",
                        this::lastErrorAgeMillis));
    }

    private long lastErrorAgeMillis() {
        return failures.get() == 0 ? -1 : TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - lastErrorNanos);
    }
}
