package dev.sluice.bridge.subscribe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.limits.InvalidRequestException;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A position survives its text, and no other text is a position. */
class PositionTest {
    @Test
    void aPositionIsReadAsItWasWritten() {
        Position at = Position.at(Instant.parse("2026-05-16T10:00:00.123456Z"));
        for (Position each : new Position[] {
            Position.BEGINNING,
            at,
            new Position(at.since(), 0, 0, Map.of(7L, 9L, 36L, 1_000_000_000_000L)),
            new Position(0, at.since(), 12, Map.of(12L, 5L)),
        }) {
            assertThat(Position.parse(each.text())).isEqualTo(each);
        }
        assertThat(Position.instant(at.since())).isEqualTo(Instant.parse("2026-05-16T10:00:00.123456Z"));
    }

    @Test
    void theLongestTextIsShort() {
        var exact = new HashMap<Long, Long>();
        for (long i = 0; i < Position.MOST_EXACT; i++) {
            exact.put(1_000_000_000_000L + i, 1_000_000_000_000_000L);
        }
        Position longest = new Position(Long.MAX_VALUE >> 10, Long.MAX_VALUE >> 10, 1_000_000_000_000L, exact);
        assertThat(longest.text()).hasSizeLessThan(300);
        assertThat(Position.parse(longest.text())).isEqualTo(longest);
    }

    @ParameterizedTest
    @ValueSource(strings = {" ", "-1", "5f3c-17", "a.b", "a.b.c.d", "a~b", "a~b.c.", "A", "zzzzzzzzzzzzz", "a~", "é"})
    void anyOtherTextIsRefused(String text) {
        assertThatThrownBy(() -> Position.parse(text)).isInstanceOf(InvalidRequestException.class);
    }
}
