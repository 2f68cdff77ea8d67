package dev.sluice.bridge.schedule;

import dev.sluice.bridge.metrics.ScheduleCounts;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Schedules in this process: one thread waits for the earliest tick and fires what is due. While PostgreSQL does not
 * answer, the thread tries again. Any thread may call.
 */
public final class ScheduleService implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ScheduleService.class);

    private static final long PAUSE_MS = 200;

    /** The pause between two looks while another transaction holds the schedules that are due. */
    private static final Duration HELD = Duration.ofMillis(50);

    private static final long LONGEST_CLOSE_MS = 5_000;

    private final ScheduleConfig config;
    private final Transactions transactions;
    private final ScheduleRows rows;
    private final Firing firing;
    private final Registry registry;
    private final Consumer<Set<String>> wake;
    private final Thread thread = Threads.daemon("sluice-schedules", this::run);
    private final Semaphore signal = new Semaphore(0);
    private final LongAdder fired = new LongAdder();
    private final LongAdder skipped = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private volatile boolean closed;
    private boolean isDeclared;
    private boolean failing;

    /**
     * Makes a service; {@link #start} begins.
     *
     * @param connections a pool; the thread takes one connection of it
     * @param wake gets queues that have new messages; must not block
     */
    public ScheduleService(
            ScheduleConfig config, DataSource connections, QueueWriterConfig writer, Consumer<Set<String>> wake) {
        this.config = config;
        this.wake = wake;
        this.transactions = Transactions.byIndex(connections);
        this.rows = new ScheduleRows(config.schema(), config.cipher());
        this.firing = new Firing(connections, writer, rows, config);
        this.registry = new Registry(transactions, rows, config.most(), signal::release);
    }

    /** Returns what the routes use. */
    public Registry registry() {
        return registry;
    }

    /** Begins. */
    public void start() {
        thread.start();
    }

    /** Returns what this process has done. */
    public ScheduleCounts counts() {
        return new ScheduleCounts(fired.sum(), skipped.sum(), failures.sum());
    }

    /**
     * Fires a schedule once, beside its ticks, also if it is paused.
     *
     * @return the message; empty: there is no schedule of this name
     */
    public Optional<NewMessage> runNow(String name) {
        try (var once = firing.another()) {
            Optional<NewMessage> message = once.runNow(name);
            message.ifPresent(written -> {
                fired.increment();
                wake.accept(Set.of(written.queue()));
            });
            return message;
        }
    }

    private void run() {
        while (!closed) {
            Duration wait = Duration.ofMillis(PAUSE_MS);
            try {
                wait = turn();
                if (failing) {
                    failing = false;
                    log.info("Schedules are fired again");
                }
            } catch (RuntimeException | Error e) { // The thread must not die: nothing would be fired any more.
                failed(e);
            }
            await(wait);
        }
        firing.close();
    }

    private void failed(Throwable e) {
        boolean isOutage = e instanceof QueueException failure && failure.isTransient();
        if (!isOutage) {
            failures.increment();
        }
        if (failing) {
            return;
        }
        failing = true;
        if (isOutage) {
            log.warn("Schedules are not fired until PostgreSQL answers; trying again reason={}", e.getMessage());
        } else {
            log.error("Schedules are not fired; trying again", e);
        }
    }

    /** Does what there is to do. Returns how long to wait. */
    private Duration turn() {
        if (!isDeclared) {
            List<String> refused = registry.declare(config.declared());
            isDeclared = true;
            if (!refused.isEmpty()) {
                log.warn(
                        "Schedules of the configuration have the names of schedules that were made over HTTP, and"
                                + " are left"
                                + " out schedules={}",
                        refused);
            }
        }
        Firing.Done done = firing.run();
        fired.add(done.fired());
        skipped.add(done.skipped());
        failures.add(done.failed());
        if (!done.queues().isEmpty()) {
            wake.accept(done.queues());
        }
        if (done.isFull()) {
            return Duration.ZERO;
        }
        Duration poll = config.pollInterval();
        Optional<Duration> due = transactions.run("could not look for the next schedule", rows::untilDue);
        Duration wait = due.filter(soon -> soon.compareTo(poll) < 0).orElse(poll);
        boolean isHeld = done.equals(Firing.Done.NOTHING) && wait.plus(HELD).isNegative();
        return isHeld ? HELD : wait;
    }

    private void await(Duration wait) {
        try {
            if (!wait.isZero() && !wait.isNegative() && signal.tryAcquire(wait.toNanos(), TimeUnit.NANOSECONDS)) {
                signal.drainPermits();
            }
        } catch (InterruptedException e) {
            closed = true;
        }
    }

    /** Ends the thread. What is due is fired by other bridges, or later. */
    @Override
    public void close() {
        closed = true;
        signal.release();
        try {
            thread.join(LONGEST_CLOSE_MS);
            thread.interrupt();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
