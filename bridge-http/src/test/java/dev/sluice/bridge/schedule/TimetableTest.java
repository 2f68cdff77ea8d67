package dev.sluice.bridge.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** When timetables fire, above all where clocks are moved. */
class TimetableTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private static Timetable cron(String fields, String zone) {
        return new Timetable.Text("cron", fields, zone).read(START);
    }

    /** Returns the ticks after a local time, each with its offset. */
    private static List<String> ticks(Timetable timetable, String after, int count) {
        var ticks = new ArrayList<String>();
        ZonedDateTime time = ZonedDateTime.parse(after);
        Instant tick = time.toInstant();
        for (int i = 0; i < count; i++) {
            tick = timetable.after(tick);
            if (tick == null) {
                ticks.add("none");
                return ticks;
            }
            ticks.add(tick.atZone(time.getZone()).toOffsetDateTime().toString());
        }
        return ticks;
    }

    @Test
    void fieldsAreThoseOfTheWallClockOfTheZone() {
        assertThat(ticks(cron("30 8 * * 1-5", "Europe/Berlin"), "2026-07-03T12:00+02:00[Europe/Berlin]", 2))
                .containsExactly("2026-07-06T08:30+02:00", "2026-07-07T08:30+02:00");
        assertThat(ticks(cron("@monthly", "UTC"), "2026-01-31T00:00Z[UTC]", 2))
                .containsExactly("2026-02-01T00:00Z", "2026-03-01T00:00Z");
        assertThat(ticks(cron("0 0 29 2 *", "UTC"), "2026-01-31T00:00Z[UTC]", 1))
                .containsExactly("2028-02-29T00:00Z");
    }

    @Test
    void aTickIsLaterThanTheTimeBefore() {
        assertThat(ticks(cron("0 * * * *", "UTC"), "2026-01-31T05:00Z[UTC]", 1)).containsExactly("2026-01-31T06:00Z");
    }

    @Test
    void aTimeThatTheClockLeavesOutIsAsMuchLaterAsTheClockWasMoved() {
        assertThat(ticks(cron("30 2 * * *", "Europe/Berlin"), "2026-03-28T03:00+01:00[Europe/Berlin]", 2))
                .containsExactly("2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00");
        assertThat(ticks(cron("15 2 * * *", "America/New_York"), "2026-03-07T12:00-05:00[America/New_York]", 2))
                .containsExactly("2026-03-08T03:15-04:00", "2026-03-09T02:15-04:00");
        assertThat(ticks(cron("10 2 * * *", "Australia/Lord_Howe"), "2026-10-03T12:00+10:30[Australia/Lord_Howe]", 2))
                .as("a zone that moves its clock by half an hour")
                .containsExactly("2026-10-04T02:40+11:00", "2026-10-05T02:10+11:00");
    }

    @Test
    void aTimeThatTheClockShowsTwiceIsFiredAtItsFirst() {
        assertThat(ticks(cron("30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00+02:00[Europe/Berlin]", 2))
                .containsExactly("2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00");
        assertThat(ticks(cron("0,30 1-2 * * *", "Europe/Berlin"), "2026-10-25T01:00+02:00[Europe/Berlin]", 4))
                .containsExactly(
                        "2026-10-25T01:30+02:00",
                        "2026-10-25T02:00+02:00",
                        "2026-10-25T02:30+02:00",
                        "2026-10-26T01:00+01:00");
    }

    @Test
    void timesOfEveryHourGoOnWhereTheClockIsMoved() {
        assertThat(ticks(cron("*/30 * * * *", "Europe/Berlin"), "2026-10-25T01:45+02:00[Europe/Berlin]", 5))
                .containsExactly(
                        "2026-10-25T02:00+02:00",
                        "2026-10-25T02:30+02:00",
                        "2026-10-25T02:00+01:00",
                        "2026-10-25T02:30+01:00",
                        "2026-10-25T03:00+01:00");
        assertThat(ticks(cron("*/30 * * * *", "Europe/Berlin"), "2026-03-29T01:15+01:00[Europe/Berlin]", 3))
                .containsExactly("2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00");
    }

    @Test
    void intervalsDoNotCareForTheWallClock() {
        Timetable daily = new Timetable.Text("every", "PT24H", "Europe/Berlin").read(START);
        assertThat(ticks(daily, "2026-03-28T12:00+01:00[Europe/Berlin]", 2))
                .containsExactly("2026-03-29T01:00+01:00", "2026-03-30T02:00+02:00");
        assertThat(daily.after(START.minusSeconds(5))).isEqualTo(START);
        assertThat(daily.after(START)).isEqualTo(START.plusSeconds(86_400));
    }

    @Test
    void oneTimeIsOneTick() {
        Timetable once = new Timetable.Text("once", "2030-01-01T00:00:00Z", "UTC").read(START);
        assertThat(once.after(START)).isEqualTo("2030-01-01T00:00:00Z");
        assertThat(once.after(Instant.parse("2030-01-01T00:00:00Z"))).isNull();
    }

    @Test
    void aDayThatNoMonthHasNeverComes() {
        assertThat(cron("0 0 31 2 *", "UTC").after(START)).isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "cron | 0 8 * * * | at 08:00, Europe/Berlin",
                "every | PT15M | every 15 minutes",
                "every | PT26H1S | every 1 day 2 hours 1 second",
                "once | 2030-01-01T00:00:00Z | once at 2030-01-01T00:00:00Z"
            })
    void timetablesAreSaidInWords(String kind, String expression, String words) {
        assertThat(new Timetable.Text(kind, expression, "Europe/Berlin")
                        .read(START)
                        .words())
                .isEqualTo(words);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "* * * *", "* * * * * *", "61 * * * *", "0 25 * * *", "0 0 0 * *", "a b c d e", "@noon"})
    void whatIsNoCronExpressionIsRefused(String fields) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> cron(fields, "UTC"))
                .withMessageContaining("five fields");
    }

    @Test
    void otherMistakesAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> cron("* * * * *", "Mars/Olympus"))
                .withMessageContaining("zone")
                .withMessageContaining("Mars/Olympus");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Timetable.Text("every", "PT0.5S", "UTC").read(START))
                .withMessageContaining("PT1S");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Timetable.Text("every", "5 minutes", "UTC").read(START))
                .withMessageContaining("ISO duration");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Timetable.Text("once", "tomorrow", "UTC").read(START))
                .withMessageContaining("ISO time");
        assertThat(new Timetable.Text("every", "PT1S", "UTC").read(START).after(START))
                .isEqualTo(START.plusSeconds(1));
    }

    @Test
    void timesThatAMoveBringsOutOfOrderAreAllFired() {
        assertThat(ticks(
                        cron("10,35 2 * * *", "Australia/Lord_Howe"), "2026-10-04T01:00+10:30[Australia/Lord_Howe]", 3))
                .as("02:10 is left out and becomes 02:40, after 02:35")
                .containsExactly("2026-10-04T02:35+11:00", "2026-10-04T02:40+11:00", "2026-10-05T02:10+11:00");
        assertThat(ticks(cron("10 2,3 * * *", "Antarctica/Troll"), "2026-03-29T00:30Z[Antarctica/Troll]", 3))
                .as("a zone that moves its clock by two hours")
                .containsExactly("2026-03-29T03:10+02:00", "2026-03-29T04:10+02:00", "2026-03-30T02:10+02:00");
    }

    @Test
    void eachTimeOfARangeIsFiredOnceWhereTheClockIsMoved() {
        assertThat(ticks(cron("30 1-3 * * *", "Europe/Berlin"), "2026-03-29T01:00+01:00[Europe/Berlin]", 3))
                .as("02:30 becomes 03:30, which is a tick already")
                .containsExactly("2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00", "2026-03-30T01:30+02:00");
        assertThat(ticks(cron("30 1-3 * * *", "Europe/Berlin"), "2026-10-25T02:15+01:00[Europe/Berlin]", 2))
                .as("asked for after the hour was shown first")
                .containsExactly("2026-10-25T03:30+01:00", "2026-10-26T01:30+01:00");
    }

    /** A search that begins a day before each tick needs seconds for these. */
    @Test
    void aTickOfARangeIsFoundWithoutTheTicksOfTheDayBefore() {
        Timetable minutely = cron("* 0-23 * * *", "Europe/Berlin");
        assertTimeoutPreemptively(
                Duration.ofSeconds(10),
                () -> assertThat(ticks(minutely, "2026-01-01T00:00+01:00[Europe/Berlin]", 20_000))
                        .endsWith("2026-01-14T21:20+01:00"));
    }

    @Test
    void aDayOfTheMonthAndADayOfTheWeekAreAlternatives() {
        assertThat(ticks(cron("0 0 13 * 5", "UTC"), "2026-02-06T12:00Z[UTC]", 3))
                .containsExactly("2026-02-13T00:00Z", "2026-02-20T00:00Z", "2026-02-27T00:00Z");
        assertThat(ticks(cron("0 0 13 * 5", "UTC"), "2026-04-10T12:00Z[UTC]", 2))
                .containsExactly("2026-04-13T00:00Z", "2026-04-17T00:00Z");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0 0 * * 0", "0 0 * * 7", "@weekly"})
    void sundayIsZeroOrSeven(String fields) {
        assertThat(ticks(cron(fields, "UTC"), "2026-01-01T00:00Z[UTC]", 2))
                .containsExactly("2026-01-04T00:00Z", "2026-01-11T00:00Z");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT1.0000004S", "PT1.0005S"})
    void aPeriodThatIsFinerThanMillisecondsIsRefused(String period) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Timetable.Text("every", period, "UTC").read(START))
                .withMessageContaining("milliseconds");
        assertThat(new Timetable.Text("every", "PT1.001S", "UTC").read(START).after(START))
                .isEqualTo(START.plusMillis(1001));
    }
}
