package dev.sluice.queue;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class QueueModelTest {
    private static final int STEPS = 400;

    /** Seeds that once failed. */
    private static final long[] KEPT = {};

    @Test
    void agreesWithTheModelStepByStep() {
        LongStream.concat(LongStream.of(KEPT), LongStream.rangeClosed(1, 15)).forEach(seed -> run(seed, STEPS));
    }

    private static void run(long seed, int steps) {
        try (var postgres = TestPostgres.withSchema();
                var model = new QueueModel(postgres, seed)) {
            model.run(steps);
        }
    }

    /**
     * A longer campaign: {@code mvn -pl connector test-compile exec:java -Dexec.mainClass=dev.sluice.queue.QueueModelTest
     * -Dexec.args="FIRST_SEED LAST_SEED STEPS"}.
     */
    public static void main(String[] args) {
        long last = Long.parseLong(args[1]);
        for (long seed = Long.parseLong(args[0]); seed <= last; seed++) {
            run(seed, Integer.parseInt(args[2]));
            System.out.println("seed " + seed + " agrees after " + args[2] + " steps");
        }
        System.exit(0);
    }
}
