package dev.sluice.work.rules;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Averages are exact, and quantiles are at most 6.25 % too long. */
class DurationsTest {
    @Test
    void nothingHasNoDuration() {
        assertThat(new Durations().average()).isEqualTo(Duration.ZERO);
        assertThat(new Durations().quantile(0.95)).isEqualTo(Duration.ZERO);
    }

    @Test
    void aQuantileOfAnySizeIsNotTooShortAndAtMostASixteenthTooLong() {
        for (long nanos = 0; nanos >= 0 && nanos < Long.MAX_VALUE / 3; nanos = nanos * 2 + nanos / 3 + 1) {
            var durations = new Durations();
            durations.add(nanos);
            assertThat(durations.quantile(0.95).toNanos()).isBetween(nanos, nanos + nanos / 16);
            assertThat(durations.average().toNanos()).isEqualTo(nanos);
        }
        var longest = new Durations();
        longest.add(Long.MAX_VALUE);
        assertThat(longest.quantile(0.5).toNanos()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void fiveOfAHundredMayBeLongerThanTheNinetyFifthPercentile() {
        var durations = new Durations();
        for (int i = 1; i <= 100; i++) {
            durations.add(i * 1_000_000L);
        }
        assertThat(durations.quantile(0.95).toNanos()).isBetween(95_000_000L, 101_000_000L);
        assertThat(durations.average()).isEqualTo(Duration.ofNanos(50_500_000));
        var both = new Durations();
        both.addAll(durations);
        both.addAll(durations);
        assertThat(both.quantile(0.95)).isEqualTo(durations.quantile(0.95));
        assertThat(both.average()).isEqualTo(durations.average());
    }
}
