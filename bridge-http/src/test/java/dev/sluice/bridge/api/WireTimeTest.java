package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WireTimeTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "2026-05-16T10:00:00.123456Z",
                "2026-05-16t10:00:00.123456z",
                "2026-05-16T12:00:00.123456+02:00",
                "2026-05-16T12:00:00.123456+0200",
                "2026-05-16T12:00:00.123456+02",
                "2026-05-16T04:30:00.123456-05:30",
                "2026-05-16T10:00:00.123456",
                "2026-05-16 10:00:00.123456",
                "2026-05-16 10:00:00.123456+00:00"
            })
    void isReadInTheFormsOfManyLanguages(String text) {
        assertThat(WireTime.parse(text)).isEqualTo(Instant.parse("2026-05-16T10:00:00.123456Z"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-05-16T10:00"})
    void mayBeAnyOfTheYearsThereAre(String text) {
        assertThat(WireTime.parse(text)).isNotNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "now",
                "2026-05-16",
                "2026-05-16X10:00:00Z",
                "2026-13-16T10:00:00Z",
                "2026-02-30T10:00:00Z",
                "2026-05-16T25:00:00Z",
                "2026-05-16T10:00:00Z and more",
                "0000-12-31T23:59:59Z",
                "+10000-01-01T00:00:00Z",
                "+999999999-12-31T23:59:59Z",
                "1789000000"
            })
    void isNotWhatIsNone(String text) {
        assertThat(WireTime.parse(text)).isNull();
    }
}
