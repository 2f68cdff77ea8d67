package dev.sluice.buffer;

import org.junit.jupiter.api.Test;

/**
 * Compares random lives of a log with a model. To run more of them, or to repeat one:
 *
 * <pre>
 * mvn -q -pl buffer test-compile
 * mvn -q -pl buffer dependency:build-classpath -Dmdep.outputFile=target/classpath
 * java -cp buffer/target/test-classes:buffer/target/classes:$(cat buffer/target/classpath) \
 *     dev.sluice.buffer.ModelTest FIRST_SEED END_SEED
 * </pre>
 */
class ModelTest {
    private static final int SCHEDULES = 12_000;

    /** Seeds that once found a bug, in the log or in the model. */
    private static final long[] KNOWN = {6, 90, 216, 398, 23_932, 1_048_345, 1_667_539};

    @Test
    void agreesWithTheModelOnSchedulesThatOnceFailed() {
        for (long seed : KNOWN) {
            Schedule.run(seed);
        }
    }

    @Test
    void agreesWithTheModelOnEverySchedule() {
        for (long seed = 0; seed < SCHEDULES; seed++) {
            Schedule.run(seed);
        }
    }

    /** Runs the seeds from the first argument (inclusive) to the second (exclusive). */
    public static void main(String[] arguments) {
        long first = Long.parseLong(arguments[0]);
        long end = Long.parseLong(arguments[1]);
        long start = System.nanoTime();
        for (long seed = first; seed < end; seed++) {
            Schedule.run(seed);
            if ((seed - first + 1) % 100_000 == 0) {
                System.out.printf("%,d schedules agree with the model%n", seed - first + 1);
            }
        }
        System.out.printf(
                "%,d schedules agree with the model, in %.1f s%n", end - first, (System.nanoTime() - start) / 1e9);
    }
}
