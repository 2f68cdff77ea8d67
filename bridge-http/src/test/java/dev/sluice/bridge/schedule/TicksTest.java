package dev.sluice.bridge.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which of the ticks that are due are fired. */
class TicksTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private static final Duration GRACE = Duration.ofMinutes(2);

    private final Ticks minutely = ticks("PT1M", null);

    private static Ticks ticks(String every, Instant end) {
        return new Ticks(new Timetable.Text("every", every, "UTC").read(START), START, end);
    }

    private static Ticks.Rule rule(Missed missed, int most) {
        return new Ticks.Rule(missed, GRACE, most);
    }

    private static Instant minute(int number) {
        return START.plusSeconds(60L * number);
    }

    @Test
    void aTickThatIsDueIsFiredWhateverThePolicy() {
        for (Missed missed : Missed.values()) {
            Ticks.Due due = minutely.due(minute(5), minute(5).plusSeconds(1), rule(missed, 10));
            assertThat(due).isEqualTo(new Ticks.Due(List.of(minute(5)), 0, minute(5), minute(6)));
        }
    }

    @Test
    void aTickOfTheGraceIsNotMissed() {
        Ticks.Due due = minutely.due(minute(5), minute(7), rule(Missed.SKIP, 10));
        assertThat(due.fire()).containsExactly(minute(5), minute(6), minute(7));
    }

    @Test
    void skipLeavesOutWhatWasMissed() {
        Ticks.Due due = minutely.due(minute(1), minute(10), rule(Missed.SKIP, 10));
        assertThat(due.fire()).containsExactly(minute(8), minute(9), minute(10));
        assertThat(due.skipped()).isEqualTo(7);
        assertThat(due.next()).isEqualTo(minute(11));
        Ticks hourly = ticks("PT1H", null);
        Ticks.Due none = hourly.due(minute(60), minute(90), rule(Missed.SKIP, 10));
        assertThat(none).isEqualTo(new Ticks.Due(List.of(), 1, minute(60), minute(120)));
    }

    @Test
    void onceFiresTheNewestThatWasMissedUnlessANewerOneIsInTime() {
        Ticks hourly = ticks("PT1H", null);
        Ticks.Due missed = hourly.due(minute(60), minute(200), rule(Missed.ONCE, 10));
        assertThat(missed).isEqualTo(new Ticks.Due(List.of(minute(180)), 2, minute(180), minute(240)));
        Ticks.Due inTime = hourly.due(minute(60), minute(181), rule(Missed.ONCE, 10));
        assertThat(inTime.fire()).containsExactly(minute(180));
        assertThat(inTime.skipped()).isEqualTo(2);
    }

    @Test
    void allFiresTheNewestUpToItsLimit() {
        Ticks hourly = ticks("PT1H", null);
        Ticks.Due all = hourly.due(minute(60), minute(200), rule(Missed.ALL, 3));
        assertThat(all.fire()).containsExactly(minute(60), minute(120), minute(180));
        assertThat(all.skipped()).isZero();
        Ticks.Due some = hourly.due(minute(60), minute(200), rule(Missed.ALL, 2));
        assertThat(some.fire()).containsExactly(minute(120), minute(180));
        assertThat(some.skipped()).isEqualTo(1);
    }

    @Test
    void thereIsNoTickAfterTheEndAndNoneBeforeTheStart() {
        Ticks ended = ticks("PT1M", minute(2));
        assertThat(ended.next(START.minusSeconds(1000), 10)).containsExactly(minute(0), minute(1), minute(2));
        assertThat(ended.due(minute(2), minute(3), rule(Missed.SKIP, 1)).next()).isNull();
    }

    @Test
    void manyYearsThatWereMissedAreNotWalkedThrough() {
        Ticks secondly = ticks("PT1S", null);
        Instant now = START.plus(Duration.ofDays(3650));
        Ticks.Due due = secondly.due(START, now, rule(Missed.ONCE, 10));
        assertThat(due.fire()).hasSize(121).endsWith(now);
        assertThat(due.next()).isEqualTo(now.plusSeconds(1));
    }
}
