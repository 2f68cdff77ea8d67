package dev.sluice.work.share;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.store.LimitRows.Change;
import dev.sluice.work.store.LimitRows.Used;
import dev.sluice.work.store.LimitRules.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** How much a limit lets begin, on a clock of the test. */
class AllowanceTest {
    private static final double START = 1_800_000_000;

    private static Used used(long running, @Nullable Double tokens, @Nullable Double refilled, double turn) {
        return new Used("=k", running, tokens, refilled, turn, null, false);
    }

    private static Allowance fresh(Rule rule, double now) {
        return new Allowance(used(0, null, null, 0), rule, now);
    }

    private static Allowance after(Change change, Rule rule, double now) {
        return new Allowance(used(0, change.tokens(), change.refilled(), 0), rule, now);
    }

    @Test
    void withoutALimitThereIsAlwaysRoom() {
        Allowance free = fresh(Rule.NONE, START);
        free.begin(1_000_000);
        assertThat(free.room()).isGreaterThan(1_000_000);
        assertThat(free.waitSeconds()).isNull();
        assertThat(free.change().hasRoom()).isTrue();
        assertThat(free.change().tokens()).isNull();
    }

    @Test
    void concurrencyCountsWhatRunsAndWhatBegins() {
        var rule = new Rule(3, 0, 1000, 0, 1);
        var allowance = new Allowance(used(1, null, null, 0), rule, START);
        assertThat(allowance.room()).isEqualTo(2);
        allowance.begin(2);
        assertThat(allowance.room()).isZero();
        assertThat(allowance.change().hasRoom()).isFalse();
        assertThat(new Allowance(used(7, null, null, 0), rule, START).room())
                .as("the limit was lowered")
                .isZero();
    }

    @Test
    void aBucketHoldsItsBurstAndFillsWithItsRate() {
        var rule = new Rule(0, 10, 1000, 4, 1);
        Allowance allowance = fresh(rule, START);
        assertThat(allowance.room()).isEqualTo(4);
        allowance.begin(4);
        assertThat(allowance.room()).isZero();
        assertThat(allowance.waitSeconds()).isBetween(0.1, 0.100_002);
        Change change = allowance.change();
        assertThat(change.due()).isBetween(START + 0.1, START + 0.100_01);
        assertThat(after(change, rule, START + 0.099).room()).isZero();
        assertThat(after(change, rule, change.due()).room()).isEqualTo(1);
        assertThat(after(change, rule, START + 0.35).room()).isEqualTo(3);
        assertThat(after(change, rule, START + 1000).room()).isEqualTo(4);
        assertThat(after(change, rule, START - 50).room())
                .as("the clock went back")
                .isZero();
        assertThat(after(change, new Rule(0, 10, 1000, 2, 1), START + 1000).room())
                .as("the burst was lowered")
                .isEqualTo(2);
    }

    /** Within any time, at most the burst and what the rate gives in that time. */
    @Test
    void noWindowHasMoreThanTheBurstAndTheRate() {
        var random = new Random(7);
        for (int run = 0; run < 20; run++) {
            var rule = new Rule(0, 1 + random.nextInt(50), 1 + random.nextInt(5_000), 1 + random.nextInt(20), 1);
            double perSecond = rule.rate() * 1000.0 / rule.periodMs();
            var times = new ArrayList<Double>();
            double now = START;
            Change state = fresh(rule, now).change();
            for (int step = 0; step < 400; step++) {
                now = Math.round((now + random.nextDouble() * 2 / perSecond) * 1e6) / 1e6;
                Allowance allowance = after(state, rule, now);
                int works = Math.min(allowance.room(), 1 + random.nextInt(5));
                for (int i = 0; i < works; i++) {
                    times.add(now);
                }
                allowance.begin(works);
                state = allowance.change();
            }
            for (int from = 0; from < times.size(); from++) {
                for (int to = from; to < times.size(); to++) {
                    double most = rule.burst() + perSecond * (times.get(to) - times.get(from));
                    assertThat((double) (to - from + 1)).isLessThanOrEqualTo(most + 1e-3);
                }
            }
        }
    }

    @Test
    void whatIsTakenAtOnceIsAllThatTheRateGives() {
        var random = new Random(8);
        var rule = new Rule(0, 7, 1000, 5, 1);
        double now = START;
        Allowance full = fresh(rule, now);
        long taken = full.room();
        full.begin(full.room());
        Change state = full.change();
        for (int step = 0; step < 10_000; step++) {
            now = Math.round((now + random.nextDouble() * 4 / 7) * 1e6) / 1e6;
            Allowance allowance = after(state, rule, now);
            taken += allowance.room();
            allowance.begin(allowance.room());
            state = allowance.change();
        }
        assertThat(taken).isEqualTo((long) Math.floor(5 + 7 * (now - START) + 1e-3));
    }

    @Test
    void keysGetWorksInTheProportionOfTheirWeightsAndTheLastServedIsLast() {
        var heavy = new Allowance(used(0, null, null, 5), new Rule(0, 0, 1000, 0, 3), START);
        var light = new Allowance(used(0, null, null, 5), new Rule(0, 0, 1000, 0, 1), START);
        var bound = new Allowance(used(0, null, null, 5), new Rule(1, 0, 1000, 0, 1), START);
        var ahead = new Allowance(used(0, null, null, 500), Rule.NONE, START);
        Map<Allowance, Integer> shares = Shares.of(List.of(heavy, light, bound, ahead), 41);
        assertThat(shares.get(heavy)).isBetween(29, 31);
        assertThat(shares.get(light)).isBetween(9, 11);
        assertThat(shares.get(bound)).isEqualTo(1);
        assertThat(shares).doesNotContainKey(ahead);
        assertThat(shares.values().stream().mapToInt(works -> works).sum()).isEqualTo(41);
        light.begin(2);
        assertThat(light.turn()).isEqualTo(7);
        assertThat(Shares.of(List.of(bound), 41)).containsEntry(bound, 1);
        assertThat(Shares.of(List.of(), 41)).isEmpty();
    }
}
