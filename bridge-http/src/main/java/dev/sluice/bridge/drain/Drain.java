package dev.sluice.bridge.drain;

import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lane;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.system.Threads;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves messages from the lanes to the destination: one sink task per lane, each on a thread of its own.
 *
 * <p>Lanes of earlier generations are drained first, one generation after the other, and their directories are set
 * aside. Messages pushed meanwhile stay in the log until the current lanes begin.
 */
public final class Drain {
    private static final Logger log = LoggerFactory.getLogger(Drain.class);

    /** Extra time that {@link #stop} gives a lane to finish its transaction or to give up. */
    private static final Duration STOP_GRACE = Duration.ofSeconds(1);

    private final Lanes lanes;
    private final List<LaneDrain> earlier = new CopyOnWriteArrayList<>();
    private final List<LaneDrain> current = new ArrayList<>();
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final Thread coordinator;
    private volatile long stopDeadlineNanos;
    private volatile Hold hold = Hold.NONE;
    private volatile boolean blocked;
    private volatile BooleanSupplier away = () -> false;
    private volatile Consumer<String> connectionRefused = reason -> {};

    /** Whether and why the drain moves nothing. */
    public enum Hold {
        /** It moves messages. */
        NONE,
        /** It moves nothing, because it is not known yet whether maintenance is on. */
        UNKNOWN,
        /** It moves nothing, because an operator switched maintenance on. */
        MAINTENANCE
    }

    /**
     * What a drain left when it stopped.
     *
     * @param undrained messages still in the lanes
     * @param ended whether all lanes have ended; otherwise a lane still waits for its destination in the background
     */
    public record DrainReport(long undrained, boolean ended) {}

    private final class Control implements TaskDriver.Control {
        private final boolean endsWhenEmpty;

        Control(boolean endsWhenEmpty) {
            this.endsWhenEmpty = endsWhenEmpty;
        }

        @Override
        public boolean isStopping() {
            return endsWhenEmpty || isToldToStop();
        }

        @Override
        public boolean isOver() {
            return isToldToStop() && System.nanoTime() - stopDeadlineNanos > 0;
        }

        @Override
        public Hold hold() {
            return currentHold();
        }

        @Override
        public void connectionRefused(String reason) {
            connectionRefused.accept(reason);
        }

        @Override
        public boolean isAway() {
            return away.getAsBoolean();
        }

        @Override
        public boolean pause(long millis) {
            try {
                return !stopping.await(millis, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
    }

    /**
     * Makes the drain; {@link #start} begins.
     *
     * @param lanes the lanes to drain
     * @param intake told the outcome of each message
     * @param failed keeps the messages that the destination refuses
     * @param config batches and the properties of the task
     * @param committedQueues called on a lane's thread after each commit, with the names of the queues that got
     *     messages; must be quick and must not throw
     * @param destination where the messages go
     */
    public Drain(
            Lanes lanes,
            Intake intake,
            FailedRecords failed,
            DrainConfig config,
            Consumer<Set<String>> committedQueues,
            Destination destination) {
        this.lanes = lanes;
        var untilEmpty = new Control(true);
        for (Lane lane : lanes.earlier()) {
            earlier.add(new LaneDrain(lane, config, intake, failed, destination, committedQueues, untilEmpty));
        }
        var untilStopped = new Control(false);
        for (Lane lane : lanes.current()) {
            current.add(new LaneDrain(lane, config, intake, failed, destination, committedQueues, untilStopped));
        }
        this.coordinator = Threads.daemon("sluice-drain", this::drainAll);
    }

    /**
     * Sets the callback for a connection that PostgreSQL refuses to a lane because it has too many. Call it before
     * {@link #start}.
     */
    public void whenRefused(Consumer<String> listener) {
        connectionRefused = listener;
    }

    /** Sets the check whether the database is unreachable. While it is, lanes show as down and keep trying. */
    public void whenAway(BooleanSupplier isAway) {
        away = isAway;
    }

    /** Begins to drain. */
    public void start() {
        all().forEach(LaneDrain::waiting);
        coordinator.start();
    }

    /** Runs on the coordinator. */
    private void drainAll() {
        try {
            int[] generations = earlier.stream()
                    .mapToInt(drain -> drain.lane().generation())
                    .distinct()
                    .toArray();
            for (int generation : generations) {
                if (!drainGeneration(generation)) {
                    return;
                }
            }
            runAll(current);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            log.error("The drain was interrupted and has ended; restart the bridge");
        }
    }

    /** Drains the lanes of an earlier generation. Returns false if messages are left. */
    private boolean drainGeneration(int generation) throws InterruptedException {
        List<LaneDrain> drains = earlier.stream()
                .filter(drain -> drain.lane().generation() == generation)
                .toList();
        log.info("Draining the lanes of an earlier generation first generation={} lanes={}", generation, drains.size());
        runAll(drains);
        boolean drained = drains.stream().allMatch(LaneDrain::hasDrainedAll);
        if (drained) {
            try {
                earlier.removeAll(drains);
                lanes.setAside(generation);
            } catch (IOException e) {
                log.warn("Could not set drained lanes aside; the next start tries again generation={}", generation, e);
            }
        }
        return drained;
    }

    private static void runAll(List<LaneDrain> drains) throws InterruptedException {
        var threads = new ArrayList<Thread>();
        for (LaneDrain drain : drains) {
            Thread thread = Threads.daemon("sluice-drain-" + drain.lane().name(), drain);
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private boolean isToldToStop() {
        return stopping.getCount() == 0;
    }

    private Hold currentHold() {
        return hold == Hold.NONE && blocked ? Hold.UNKNOWN : hold;
    }

    /**
     * Holds or releases the drain. While it is held, pushes are answered as buffered. A transaction under way is
     * finished. {@link #stop} ends a held drain at once; the messages left are drained after the next start.
     */
    public synchronized void hold(Hold wanted) {
        hold = wanted;
        tellLanes();
    }

    /**
     * Blocks or unblocks the drain, because the database takes no writes. While it is blocked, lanes are down and move
     * nothing, so that transactions whose commit hangs do not pile up in the server.
     */
    public synchronized void block(boolean isBlocked) {
        blocked = isBlocked;
        tellLanes();
    }

    private void tellLanes() {
        boolean isHeld = currentHold() != Hold.NONE;
        lanes.current().forEach(lane -> lane.setHeld(isHeld));
    }

    private Stream<LaneDrain> all() {
        return Stream.concat(earlier.stream(), current.stream());
    }

    /** Returns the state of each lane. Any thread may call, at any time. */
    public DrainStatus status() {
        return new DrainStatus(all().map(LaneDrain::status).toList());
    }

    /**
     * Moves what it can within the time, then stops. Nothing may be appended to the lanes any more. A lane that is down
     * gives up at once. Waits for about {@code timeout} at most.
     *
     * @return how much is left in the lanes; the next start drains it
     */
    public DrainReport stop(Duration timeout) {
        stopDeadlineNanos = System.nanoTime() + timeout.toNanos();
        stopping.countDown();
        giveUp(lane -> lane.lane().isDown());
        try {
            coordinator.join(Math.max(1, timeout.toMillis()));
            giveUp(lane -> true);
            coordinator.join(STOP_GRACE.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        var report = new DrainReport(status().undrained(), !coordinator.isAlive());
        log.info("Stopped draining undrained={} ended={}", report.undrained(), report.ended());
        return report;
    }

    /** Gives lanes up on threads of their own, so that the caller does not wait for a client that cannot be closed. */
    private void giveUp(Predicate<LaneDrain> which) {
        all().filter(which)
                .forEach(lane -> Threads.daemon("sluice-give-up-" + lane.lane().name(), lane::giveUp)
                        .start());
    }
}
