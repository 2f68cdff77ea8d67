package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs a few of the starts of {@link FaultyStarts}. */
class FaultyStartsTest {
    /** Time that a machine may add which runs the whole suite. */
    private static final Duration BUSY = Duration.ofSeconds(10);

    /** Seeds that cut, lose, delay and refuse connections, with and without a schema. */
    static LongStream seeds() {
        return LongStream.of(1, 3, 7, 9);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void everythingIsServedSoonAfterAFaultDuringTheStart(long seed) throws Exception {
        FaultyStarts.Outcome outcome = FaultyStarts.start(seed);
        assertThat(outcome.took()).as(outcome.what()).isLessThan(FaultyStarts.MOST.plus(BUSY));
    }
}
