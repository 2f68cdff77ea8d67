package dev.sluice.queue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QueueModelTest {
    private static final int STEPS = 500;

    /** A seed that once failed stays in the list. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void agreesWithTheModelStepByStep(long seed) {
        run(seed, STEPS);
    }

    private static void run(long seed, int steps) {
        try (var postgres = TestPostgres.withSchema().withoutSyncs();
                var both = new QueueModelRun(postgres, seed)) {
            both.run(steps);
        }
    }

    /**
     * Runs more seeds: {@code mvn -pl connector test-compile exec:java -Dexec.mainClass=dev.sluice.queue.QueueModelTest
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
