package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class TimeTextTest {
    static List<String> forms() {
        return Times.FORMS;
    }

    static List<String> edges() {
        return Times.EDGES;
    }

    static List<String> none() {
        return Times.NONE;
    }

    @ParameterizedTest
    @MethodSource("forms")
    void readsOneTimeInTheFormsOfManyLanguages(String text) {
        assertThat(TimeText.parse("from", text)).isEqualTo(Times.MEANT);
    }

    @Test
    void readsADateAsItsMidnightInUtc() {
        assertThat(TimeText.parse("from", Times.DATE)).isEqualTo(Times.MIDNIGHT);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1970-01-01T00:00:00Z",
        "2026, 1970-01-01T00:00:02.026Z",
        "1.7789256E12, 2026-05-16T10:00:00Z",
        "1778925600000.1239, 2026-05-16T10:00:00.000123Z",
        "2026-05-16T10:00:00.1234567Z, 2026-05-16T10:00:00.123456Z",
        "9999-12-31T23:59:59.999999999Z, 9999-12-31T23:59:59.999999Z"
    })
    void keepsMicrosecondsAndTakesEveryNumberAsMilliseconds(String text, Instant time) {
        assertThat(TimeText.parse("from", text)).isEqualTo(time);
    }

    @ParameterizedTest
    @MethodSource("edges")
    void takesEveryTimeOfTheYears1To9999(String text) {
        assertThat(TimeText.parse("from", text))
                .isBetween(Instant.parse("0001-01-01T00:00:00Z"), Instant.parse("9999-12-31T23:59:59.999999Z"));
    }

    @ParameterizedTest
    @MethodSource("none")
    void refusesWhatIsNoTimeAndNamesTheParameterAndTheForms(String text) {
        assertThatThrownBy(() -> TimeText.parse("from", text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("from must be a time: RFC 3339 like 2026-05-16T10:00:00Z")
                .hasMessageContaining("a date like 2026-05-16")
                .hasMessageEndingWith("or milliseconds since 1970; in the years 1 to 9999");
    }

    @Test
    void refusesAnEmptyText() {
        assertThatThrownBy(() -> TimeText.parse("from", "")).hasMessageStartingWith("from must be a time");
    }
}
