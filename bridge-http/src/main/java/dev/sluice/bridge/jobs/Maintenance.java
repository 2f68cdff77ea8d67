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
 * Reads the maintenance switches from the database every second, so that a switch that is set at one bridge counts at
 * all of them. While the database does not answer, the last known switches count. Until the first reading the drain is
 * held, because push maintenance may be on. One thread of its own.
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
    /** Whether the switches have been read once. */
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
     * Reads the switches if the database answers, and begins to read them every second.
     *
     * @param toDrain gets the state of the drain before this returns, and whenever it changes
     * @param whenPopsResume runs when pop maintenance ends
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
                log.debug("The maintenance switches cannot be read now, the next reading tries again", e);
            } else if (!known) {
                log.error("The maintenance switches cannot be read and count as off reason={}", e.getMessage());
                take(Set.of());
            }
        } catch (RuntimeException | Error e) { // An exception would end the repetition.
            log.error("The maintenance switches cannot be read, the next reading tries again", e);
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
                log.info("Push maintenance is {}", holdsPushes ? "on, pushes stay in the local log" : "off");
            }
            pushes = holdsPushes;
            known = true;
            drain.accept(holdsPushes ? Drain.Hold.MAINTENANCE : Drain.Hold.NONE);
        }
        boolean holdsPops = on.contains(POPS);
        if (holdsPops != pops) {
            log.info("Pop maintenance is {}", holdsPops ? "on, pops get no messages" : "off");
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
