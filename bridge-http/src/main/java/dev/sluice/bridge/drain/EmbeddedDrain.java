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
 * Drains the lanes with a sink task per lane in this process, each on a thread of its own: into PostgreSQL, or into
 * Kafka. The package comment says how.
 *
 * <p>Lanes of earlier generations are drained first, generation after generation, and their directories set aside. Then
 * the present lanes begin; until then what is pushed stays in the log.
 */
public final class EmbeddedDrain implements Drain {
    private static final Logger log = LoggerFactory.getLogger(EmbeddedDrain.class);

    /**
     * How much longer than its timeout {@link #stop} waits for a lane that is in the middle of a transaction, or gives
     * up.
     */
    private static final Duration STOP_GRACE = Duration.ofSeconds(1);

    private final Lanes lanes;
    private final List<LaneDrain> leftover = new CopyOnWriteArrayList<>();
    private final List<LaneDrain> current = new ArrayList<>();
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final Thread coordinator;
    private volatile long stopDeadlineNanos;
    private volatile Hold hold = Hold.NONE;
    private volatile boolean blocked;
    private volatile BooleanSupplier away = () -> false;
    private volatile Consumer<String> refused = reason -> {};

    /** What lanes of earlier generations are told: to end as soon as they are empty. */
    private final TaskDriver.Control untilEmpty = new Control(true);

    private final TaskDriver.Control untilStopped = new Control(false);

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
            return holdNow();
        }

        @Override
        public void refused(String reason) {
            refused.accept(reason);
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
     * @param lanes what to drain
     * @param intake who hears what became of each message
     * @param failed where messages go that PostgreSQL refuses
     * @param config batches and the properties of the task
     * @param committedQueues called after each commit with the names of the queues that got messages, on the thread of
     *     a lane: must be quick and must not throw
     */
    public EmbeddedDrain(
            Lanes lanes,
            Intake intake,
            FailedRecords failed,
            DrainConfig config,
            Consumer<Set<String>> committedQueues) {
        this(lanes, intake, failed, config, committedQueues, Destination.postgres());
    }

    /** The same to any destination. */
    public EmbeddedDrain(
            Lanes lanes,
            Intake intake,
            FailedRecords failed,
            DrainConfig config,
            Consumer<Set<String>> committedQueues,
            Destination destination) {
        this.lanes = lanes;
        for (Lane lane : lanes.leftover()) {
            leftover.add(new LaneDrain(lane, config, intake, failed, destination, committedQueues, untilEmpty));
        }
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
        refused = listener;
    }

    @Override
    public void start() {
        current.forEach(LaneDrain::waiting);
        leftover.forEach(LaneDrain::waiting);
        coordinator.start();
    }

    /** Runs on the coordinator: generation after generation, each lane of one on a thread of its own. */
    private void drainAll() {
        try {
            int[] generations = leftover.stream()
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
            log.error("The drain was interrupted and has ended.");
        }
    }

    /** Drains the lanes of an earlier generation; false if it could not be done to the end. */
    private boolean drainGeneration(int generation) throws InterruptedException {
        List<LaneDrain> drains = leftover.stream()
                .filter(drain -> drain.lane().generation() == generation)
                .toList();
        log.info(
                "Draining the lanes of an earlier generation first. generation={} lanes={}", generation, drains.size());
        runAll(drains);
        boolean drained = drains.stream().allMatch(LaneDrain::hasDrainedAll);
        if (drained) {
            try {
                leftover.removeAll(drains);
                lanes.setAside(generation);
            } catch (IOException e) {
                log.warn(
                        "Drained lanes could not be set aside; the next start tries again. generation={}",
                        generation,
                        e);
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

    private Hold holdNow() {
        return hold == Hold.NONE && blocked ? Hold.UNKNOWN : hold;
    }

    @Override
    public synchronized void hold(Hold wanted) {
        hold = wanted;
        tellLanes();
    }

    /** Sets the check whether the database cannot be used. While it cannot, lanes show as down and keep trying. */
    public void whenAway(BooleanSupplier isAway) {
        away = isAway;
    }

    @Override
    public synchronized void block(boolean isBlocked) {
        blocked = isBlocked;
        tellLanes();
    }

    /** Pushes that come while nothing is moved are answered as buffered. */
    private void tellLanes() {
        boolean isHeld = holdNow() != Hold.NONE;
        lanes.current().forEach(lane -> lane.setHeld(isHeld));
    }

    @Override
    public DrainStatus status() {
        return new DrainStatus(Stream.concat(leftover.stream(), current.stream())
                .map(LaneDrain::status)
                .toList());
    }

    @Override
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
        log.info("Stopped draining. undrained={} ended={}", report.undrained(), report.ended());
        return report;
    }

    /** On threads of their own: whoever stops does not wait for a client that cannot be closed. */
    private void giveUp(Predicate<LaneDrain> which) {
        for (LaneDrain lane :
                Stream.concat(leftover.stream(), current.stream()).filter(which).toList()) {
            Threads.daemon("sluice-give-up-" + lane.lane().name(), lane::giveUp).start();
        }
    }
}
