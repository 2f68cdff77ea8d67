package dev.sluice.work.breaker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.BreakerSettings;
import dev.sluice.work.BreakerState;
import dev.sluice.work.WorkEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The transitions of circuit breakers, exactly, by a clock that stands still unless it is moved. */
class BreakersTest {
    private static final BreakerSettings THREE =
            BreakerSettings.consecutive(3).openFor(Duration.ofSeconds(10)).halfOpenCalls(2);

    private final AtomicLong nanos = new AtomicLong(-5_000_000_000L); // A clock of Java may be negative.
    private final List<WorkEvent> told = new CopyOnWriteArrayList<>();

    private static IllegalStateException error() {
        return new IllegalStateException("broken");
    }

    private Breakers breakers(@Nullable BreakerSettings settings) {
        return new Breakers("type", settings, nanos::get, told::add);
    }

    private void pass(Duration time) {
        nanos.addAndGet(time.toNanos());
    }

    private static Permit permitted(Breakers breakers, @Nullable String target) {
        Breakers.Answer permission = breakers.ask(target, null);
        assertThat(permission.putOff()).isNull();
        assertThat(permission.permit().isPermitted()).isTrue();
        return permission.permit();
    }

    private static void fail(Breakers breakers, @Nullable String target, int times) {
        for (int i = 0; i < times; i++) {
            permitted(breakers, target).failed(1, error());
        }
    }

    private static void succeed(Breakers breakers, @Nullable String target, int times) {
        for (int i = 0; i < times; i++) {
            permitted(breakers, target).succeeded(1);
        }
    }

    private void assertTold(String... details) {
        assertThat(told.stream().map(WorkEvent::detail)).containsExactly(details);
        assertThat(told).allSatisfy(event -> {
            assertThat(event.kind()).isEqualTo(WorkEvent.Kind.BREAKER);
            assertThat(event.type()).isEqualTo("type");
            assertThat(event.id()).isNull();
        });
    }

    @Test
    void opensAtTheThirdFailureInARowAndStopsClaims() {
        Breakers breakers = breakers(THREE);
        fail(breakers, null, 2);
        succeed(breakers, null, 1);
        fail(breakers, null, 2);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
        assertThat(breakers.permissions(50)).as("as many as wanted").isNull();
        fail(breakers, null, 1);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.OPEN);
        assertThat(breakers.permissions(50)).isEmpty();
        assertThat(breakers.isOpen()).isTrue();
        assertTold("OPEN");
    }

    @Test
    void isOpenToTheEndOfItsTimeAndThenPermitsAsManyAsDecide() {
        Breakers breakers = breakers(THREE);
        fail(breakers, null, 3);
        pass(Duration.ofSeconds(10));
        assertThat(breakers.permissions(50)).isEmpty();
        assertThat(breakers.nextNanos()).isEqualTo(nanos.get() + 1);
        pass(Duration.ofNanos(1));
        assertThat(breakers.permissions(50)).hasSize(2);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.HALF_OPEN);
        assertThat(breakers.permissions(50)).as("both are out").isEmpty();
        assertTold("OPEN", "HALF_OPEN");
    }

    @Test
    void closesIfTheCallsThatDecideSucceed() {
        Breakers breakers = breakers(THREE);
        fail(breakers, null, 3);
        pass(Duration.ofSeconds(11));
        List<Permit> calls = breakers.permissions(50);
        calls.get(0).succeeded(1);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.HALF_OPEN);
        calls.get(1).succeeded(1);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
        fail(breakers, null, 2);
        assertThat(breakers.view().state()).as("earlier failures are forgotten").isEqualTo(BreakerState.CLOSED);
        assertTold("OPEN", "HALF_OPEN", "CLOSED");
    }

    @Test
    void opensAgainIfTheyFail() {
        Breakers breakers = breakers(THREE);
        fail(breakers, null, 3);
        pass(Duration.ofSeconds(11));
        breakers.permissions(50).forEach(call -> call.failed(1, error()));
        assertThat(breakers.view().state()).isEqualTo(BreakerState.OPEN);
        pass(Duration.ofSeconds(10));
        assertThat(breakers.permissions(50)).isEmpty();
        pass(Duration.ofNanos(1));
        assertThat(breakers.permissions(50)).hasSize(2);
        assertTold("OPEN", "HALF_OPEN", "OPEN", "HALF_OPEN");
    }

    @Test
    void aPermissionThatIsNotUsedCanBeGivenToAnotherWork() {
        Breakers breakers = breakers(THREE);
        fail(breakers, null, 3);
        pass(Duration.ofSeconds(11));
        List<Permit> calls = breakers.permissions(50);
        calls.forEach(Permit::giveBack);
        calls.get(0).succeeded(1); // Too late: it was given back.
        assertThat(breakers.permissions(50)).hasSize(2);
    }

    @Test
    void theResultOfACallOfBeforeTheBreakerOpenedCountsNowhere() {
        Breakers breakers = breakers(THREE);
        Permit early = permitted(breakers, null);
        Permit other = permitted(breakers, null);
        fail(breakers, null, 3);
        pass(Duration.ofSeconds(11));
        List<Permit> calls = breakers.permissions(1);
        early.failed(1, error());
        other.failed(1, error());
        assertThat(breakers.view().state()).isEqualTo(BreakerState.HALF_OPEN);
        calls.get(0).succeeded(1);
        breakers.permissions(1).get(0).succeeded(1);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
    }

    @Test
    void opensAtTheRateOfFailuresInTheWindowOnceThereAreEnoughCalls() {
        Breakers breakers = breakers(BreakerSettings.DEFAULT.failures(50, 10, 4));
        fail(breakers, null, 1);
        succeed(breakers, null, 1);
        fail(breakers, null, 1);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
        succeed(breakers, null, 1); // The fourth call: two of four.
        assertThat(breakers.view().state()).isEqualTo(BreakerState.OPEN);
    }

    @Test
    void opensIfTooManyCallsAreSlow() {
        Breakers breakers =
                breakers(BreakerSettings.DEFAULT.failures(100, 10, 4).slow(50, Duration.ofMillis(100)));
        permitted(breakers, null).succeeded(Duration.ofMillis(100).toNanos()); // Not longer.
        permitted(breakers, null).succeeded(Duration.ofMillis(101).toNanos());
        permitted(breakers, null).succeeded(1);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
        permitted(breakers, null).succeeded(Duration.ofMillis(101).toNanos());
        assertThat(breakers.view().state()).isEqualTo(BreakerState.OPEN);
    }

    @Test
    void errorsThatAreIgnoredDoNotCount() {
        Breakers breakers = breakers(THREE.ignoring(IllegalArgumentException.class));
        for (int i = 0; i < 10; i++) {
            permitted(breakers, null).failed(1, new NumberFormatException("a subclass"));
        }
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
        fail(breakers, null, 3);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.OPEN);
    }

    @Test
    void aBrokenTargetStopsNoOtherOneAndNoClaims() {
        Breakers breakers = breakers(THREE);
        fail(breakers, "a", 3);
        assertThat(breakers.permissions(50)).isNull();
        succeed(breakers, "b", 1);
        Breakers.Answer refused = breakers.ask("a", null);
        assertThat(refused.permit().isPermitted()).isFalse();
        assertThat(refused.putOff()).isEqualTo(Duration.ofMillis(10_001));
        pass(Duration.ofMillis(10_001));
        succeed(breakers, "a", 2);
        assertThat(breakers.view().targets()).isEqualTo(Map.of("a", BreakerState.CLOSED, "b", BreakerState.CLOSED));
        assertTold("OPEN a", "HALF_OPEN a", "CLOSED a");
    }

    @Test
    void worksOfATargetWaitShortlyWhileTheCallsThatDecideRun() {
        Breakers breakers = breakers(THREE);
        fail(breakers, "a", 3);
        pass(Duration.ofSeconds(11));
        Permit first = permitted(breakers, "a");
        Permit second = permitted(breakers, "a");
        assertThat(breakers.ask("a", null).putOff()).isEqualTo(Duration.ofSeconds(1));
        first.succeeded(1);
        second.succeeded(1);
        permitted(breakers, "a");
    }

    @Test
    void theTargetThatWasUsedLongestAgoIsForgotten() {
        Breakers breakers = breakers(THREE);
        fail(breakers, "first", 3);
        for (int i = 1; i <= Breakers.MAX_TARGETS; i++) {
            succeed(breakers, "target-" + i, 1);
        }
        assertThat(breakers.view().targets()).hasSize(Breakers.MAX_TARGETS).doesNotContainKey("first");
    }

    @Test
    void whatAnOperatorForcesCountsMoreThanAnyBreaker() {
        Breakers breakers = breakers(THREE);
        breakers.set(null, 0);
        breakers.set("open", 0);
        assertThat(breakers.permissions(5)).isEmpty();
        assertThat(breakers.ask("a", null).putOff()).isEqualTo(Duration.ZERO);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.FORCED_OPEN);
        breakers.set("closed", 0);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.FORCED_CLOSED);
        for (int i = 0; i < 10; i++) {
            assertThat(breakers.ask(null, null).putOff()).isNull();
        }
        assertThat(breakers.permissions(5)).isNull();
        breakers.set(null, 1);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
        assertTold("FORCED_OPEN", "FORCED_CLOSED", "CLOSED");
    }

    @Test
    void aResetClosesAllBreakersAndForgetsTheirCounts() {
        Breakers breakers = breakers(THREE);
        breakers.set(null, 7);
        fail(breakers, null, 3);
        fail(breakers, "a", 3);
        fail(breakers, "b", 2);
        breakers.set(null, 7);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.OPEN);
        breakers.set(null, 8);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.CLOSED);
        fail(breakers, "b", 2);
        assertThat(breakers.view().targets()).isEqualTo(Map.of("a", BreakerState.CLOSED, "b", BreakerState.CLOSED));
        assertTold("OPEN", "OPEN a", "CLOSED", "CLOSED a");
    }

    @Test
    void anEngineThatStartsTakesTheNumberOfResetsAsItIs() {
        Breakers breakers = breakers(THREE);
        fail(breakers, null, 3);
        breakers.set(null, 41);
        assertThat(breakers.view().state()).isEqualTo(BreakerState.OPEN);
    }

    @Test
    void aHandlerWithoutABreakerCanBeForcedOpen() {
        Breakers breakers = breakers(null);
        for (int i = 0; i < 100; i++) {
            breakers.ask(null, null).permit().failed(1, error());
        }
        assertThat(breakers.permissions(5)).isNull();
        assertThat(breakers.haveTargets()).isFalse();
        breakers.set("open", 0);
        assertThat(breakers.permissions(5)).isEmpty();
    }

    @Test
    void aSettingOutOfItsRangeIsRefusedAndNamed() {
        var refusals = new ArrayList<String>();
        List.<Runnable>of(
                        () -> BreakerSettings.DEFAULT.failures(0, 10, 1),
                        () -> BreakerSettings.DEFAULT.failures(101, 10, 1),
                        () -> BreakerSettings.DEFAULT.failures(50, 0, 1),
                        () -> BreakerSettings.DEFAULT.failures(50, 10, 11),
                        () -> BreakerSettings.DEFAULT.slow(0, Duration.ofSeconds(1)),
                        () -> BreakerSettings.DEFAULT.slow(1, Duration.ZERO),
                        () -> BreakerSettings.DEFAULT.openFor(Duration.ZERO),
                        () -> BreakerSettings.DEFAULT.openFor(Duration.ofDays(366)),
                        () -> BreakerSettings.DEFAULT.halfOpenCalls(0))
                .forEach(setting -> assertThatThrownBy(setting::run)
                        .isInstanceOfSatisfying(IllegalArgumentException.class, e -> refusals.add(e.getMessage())));
        assertThat(refusals)
                .containsExactly(
                        "failureRate must be 1 to 100, was 0",
                        "failureRate must be 1 to 100, was 101",
                        "window must be 1 to 100000, was 0",
                        "minimumCalls must be 1 to the window 10, was 11",
                        "slowRate must be 1 to 100, was 0",
                        "slowerThan must be at least 1 ms, was PT0S",
                        "openFor must be 1 ms to PT8760H, was PT0S",
                        "openFor must be 1 ms to PT8760H, was PT8784H",
                        "halfOpenCalls must be 1 to 100000, was 0");
    }
}
