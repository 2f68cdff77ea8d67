package dev.sluice.bridge.jobs;

import dev.sluice.bridge.drain.Drain;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.SharedSwitches;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is on hold, as the database says: read again every second, so that what is set at one bridge counts at all of
 * them. What was read last counts while the database does not answer. Until it has been read for the first time the
 * drain is held: it might be that nothing shall be moved.
 */
public final class Maintenance implements MaintenanceMode, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Maintenance.class);

    private static final String PUSHES = "maintenance_mode";
    private static final String POPS = "pop_maintenance_mode";
    private static final long READ_EVERY_MILLIS = 1000;

    private final SharedSwitches switches;
    private final Runnable requireDatabase;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread;
    private volatile boolean pushes;
    private volatile boolean pops;
    private boolean known;
    private Consumer<Drain.Hold> drain = hold -> {};
    private Runnable popsResumed = () -> {};

    /**
     * Makes it; {@link #start} begins.
     *
     * @param requireDatabase throws {@link QueueException} while the database is known to be away
     */
    public Maintenance(SharedSwitches switches, Runnable requireDatabase) {
        this.switches = switches;
        this.requireDatabase = requireDatabase;
        this.thread = Threads.daemon("sluice-maintenance", this::keepReading);
    }

    /**
     * Reads what is on hold, if the database answers, and begins to read it every second.
     *
     * @param toDrain told what to do, before this returns and whenever it changes
     * @param whenPopsResume run when pops may get something again
     */
    public synchronized void start(Consumer<Drain.Hold> toDrain, Runnable whenPopsResume) {
        drain = toDrain;
        popsResumed = whenPopsResume;
        drain.accept(Drain.Hold.UNKNOWN);
        read();
        thread.start();
    }

    private void keepReading() {
        try {
            while (!closed.await(READ_EVERY_MILLIS, TimeUnit.MILLISECONDS)) {
                read();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void read() {
        try {
            requireDatabase.run();
            take(switches.on());
        } catch (QueueException e) {
            if (e.isTransient()) {
                log.debug("Whether something is on hold cannot be read now", e);
            } else if (!known) {
                log.error("Whether something is on hold cannot be read, so nothing is: {}", e.getMessage());
                take(Set.of());
            }
        } catch (RuntimeException | Error e) { // Whatever it throws would end the repetition.
            log.error("Whether something is on hold cannot be read", e);
        }
    }

    private synchronized void set(String name, boolean on) {
        switches.set(name, on);
        take(switches.on());
    }

    private void take(Set<String> on) {
        boolean holdsPushes = on.contains(PUSHES);
        if (!known || holdsPushes != pushes) {
            if (known || holdsPushes) {
                log.info("Push maintenance is {}.", holdsPushes ? "on: pushes stay in the local log" : "off");
            }
            pushes = holdsPushes;
            known = true;
            drain.accept(holdsPushes ? Drain.Hold.MAINTENANCE : Drain.Hold.NONE);
        }
        boolean holdsPops = on.contains(POPS);
        if (holdsPops != pops) {
            log.info("Pop maintenance is {}.", holdsPops ? "on: pops get nothing" : "off");
            pops = holdsPops;
            if (!holdsPops) {
                popsResumed.run();
            }
        }
    }

    @Override
    public boolean pushes() {
        return pushes;
    }

    @Override
    public boolean pops() {
        return pops;
    }

    @Override
    public void setPushes(boolean on) {
        set(PUSHES, on);
    }

    @Override
    public void setPops(boolean on) {
        set(POPS, on);
    }

    /** Stops reading. */
    @Override
    public void close() {
        closed.countDown();
    }
}
