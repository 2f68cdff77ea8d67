package dev.sluice.queue;

import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * The bridges that serve the consumers of a {@link QueueModelRun}: two remember leases, one few of them, and one none.
 * Each request goes to any of them, and now and then one starts again. Has a random sequence of its own, so that a seed
 * takes the same steps with any number of bridges.
 */
final class ModelBridges {
    private static final int FEW = 12;
    private static final List<Integer> REMEMBERED = List.of(QueueConfig.DEFAULT_REMEMBERED_MESSAGES, 10_000, FEW, 0);

    private final TestPostgres postgres;
    private final Random random;
    private final List<Queue> bridges = new ArrayList<>();

    ModelBridges(TestPostgres postgres, long seed) {
        this.postgres = postgres;
        this.random = new Random(~seed);
        for (int remembered : REMEMBERED) {
            bridges.add(start(remembered));
        }
    }

    private Queue start(int remembered) {
        return new Queue(
                postgres.dataSource(),
                new QueueConfig("sluice", QueueConfig.DEFAULT_POP_MAX_BYTES, PayloadCipher.NONE, remembered));
    }

    /**
     * Returns a bridge for a request. The first bridge gets half of them, so that many are acknowledged where popped.
     */
    Queue any() {
        int which = random.nextBoolean() ? 0 : random.nextInt(bridges.size());
        if (random.nextInt(40) == 0) {
            bridges.set(which, start(REMEMBERED.get(which)));
        }
        return bridges.get(which);
    }

    /** Decides whether the next acknowledgements complete a whole lease. */
    boolean completesWholeLease() {
        return random.nextInt(3) == 0;
    }

    /** Returns how many messages ago the lease was given, less than {@code most}. */
    int lateness(int most) {
        return random.nextInt(most);
    }
}
