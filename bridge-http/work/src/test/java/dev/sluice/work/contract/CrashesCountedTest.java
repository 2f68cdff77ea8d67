package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.BreakerState;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.watch.WorkMeter;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The meter counts each work that is taken over from an engine that died once: works of claims, and with a history. */
class CrashesCountedTest extends WorkFixture {
    private final AtomicInteger crashed = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();

    private final WorkMeter meter = new WorkMeter() {
        @Override
        public void happened(WorkEvent.Kind kind, String type) {}

        @Override
        public void began(String type, @Nullable Instant createdAt) {}

        @Override
        public void ran(String type, Duration took) {}

        @Override
        public void crashed(String type, int works) {
            crashed.addAndGet(works);
        }

        @Override
        public void breaker(String type, BreakerState state) {}
    };

    @ParameterizedTest
    @ValueSource(strings = {"no limit", "a limit", "limit keys"})
    void aWorkThatIsTakenOverIsCountedOnce(String limits) throws Exception {
        HandlerSettings settings = HandlerSettings.DEFAULT.retry(
                RetryPolicy.ofWaits(Duration.ofHours(1)).jitter(0));
        settings = limits.equals("no limit") ? settings : settings.limit(Limit.ofConcurrency(100));
        settings = limits.equals("limit keys") ? settings.limitKey("/none") : settings;
        try (WorkBuffer first = builder()
                .handler("t", (each, context) -> Outcome.retry("later"), settings)
                .start()) {
            for (int i = 0; i < 3; i++) {
                first.enqueue(Work.of("t", Integer.toString(i)));
            }
            untilRows("select count(*) from sluice.work_items where attempts = 1 and owner is null", "3");
        }
        // An engine has begun two of them and died; the room that they take is given back.
        postgres.execute("update sluice.work_items set owner = gen_random_uuid(), lease_id = gen_random_uuid(),"
                + " available_at = now() - interval '1 minute'"
                + (limits.equals("no limit") ? "" : ", limited = '" + (limits.equals("a limit") ? "" : "-") + "'")
                + " where payload <> '2'");
        start(builder()
                .meter(meter)
                .handler(
                        "t",
                        (each, context) -> {
                            done.incrementAndGet();
                            return Outcome.done();
                        },
                        settings));
        until(() -> done.get() == 2);
        untilRows("select count(*), max(crashes) from sluice.work_items", "1|0");
        assertThat(crashed).hasValue(2);
    }
}
