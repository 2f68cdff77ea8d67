package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A few of the starts that {@link FaultyStarts} makes by the dozen. */
class FaultyStartsTest {
    /** What a machine that runs the whole suite may add. */
    private static final Duration BUSY = Duration.ofSeconds(10);

    /** Cut, lost, late and refused, with and without a schema. */
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
