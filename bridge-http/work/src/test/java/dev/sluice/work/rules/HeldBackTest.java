package dev.sluice.work.rules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.rules.HeldBack.Group;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Requests that are held back are divided until each that must wait is alone, and wait for a limited time. */
class HeldBackTest {
    private long now;
    private final HeldBack<String> held = new HeldBack<>(() -> now);

    @Test
    void aGroupIsDividedUntilTheRequestThatMustWaitIsAlone() {
        held.add(List.of("a", "b", "held", "c", "d"));
        var written = new ArrayList<String>();
        int tries = 0;
        for (Group<String> group = held.next(); group != null; group = held.next()) {
            tries++;
            if (!group.requests().contains("held")) {
                written.addAll(group.requests());
            } else {
                assertThat(held.held(group)).isFalse();
            }
        }
        assertThat(written).containsExactlyInAnyOrder("a", "b", "c", "d");
        assertThat(tries).isLessThan(10);
        assertThat(held.drain()).containsExactly("held");
    }

    @Test
    void aRequestRestsBetweenTriesAndIsGivenUpAfterItsTime() {
        held.add(List.of("held"));
        assertThat(held.next()).isNull();
        assertThat(held.waitMillis(1_000)).isBetween(1L, 101L);
        int tries = 0;
        while (true) {
            now += TimeUnit.MILLISECONDS.toNanos(held.waitMillis(1_000));
            Group<String> group = held.next();
            assertThat(group).isNotNull();
            tries++;
            if (held.held(group)) {
                break;
            }
        }
        assertThat(now)
                .isBetween(
                        HeldBack.LONGEST.toNanos(),
                        HeldBack.LONGEST.plusMillis(200).toNanos());
        assertThat(tries).isBetween(100, 301);
        assertThat(held.next()).isNull();
        assertThat(held.waitMillis(1_000)).isEqualTo(1_000);
    }
}
