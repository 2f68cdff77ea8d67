package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A work of a type with limits that must run alone waits for its room, and stops no other work before it has it. */
class LimitedAloneTest extends WorkFixture {
    private final List<String> runs = new CopyOnWriteArrayList<>();
    private final CountDownLatch hour = new CountDownLatch(1);

    private WorkBuffer.Builder handling(HandlerSettings limits) {
        return builder()
                .pollInterval(Duration.ofMillis(50))
                .concurrency(3)
                .handler(
                        "poison",
                        (each, context) -> {
                            runs.add(each.payloadText());
                            if (each.payloadText().contains("hour")) {
                                hour.await();
                            }
                            return context.attempt() == 1 && each.payloadText().contains("bad")
                                    ? Outcome.retry(Duration.ofHours(1), "again")
                                    : Outcome.done();
                        },
                        limits);
    }

    /** Lets the works that wait for a retry look as if their engines had died twice. */
    private void crashTwice() {
        postgres.execute("update sluice.work_items set crashes = 2, available_at = now() + attempts * interval '1 ms'"
                + " where owner is null");
    }

    private void untilAllIsDone() {
        untilNothingIsLeft();
        untilRows("select count(*) from sluice.work_limits where running <> 0", "0");
    }

    @Test
    void itStopsNoOtherTypeWhileAnotherEngineUsesItsRoom() throws Exception {
        HandlerSettings limits = HandlerSettings.DEFAULT.limit(Limit.ofConcurrency(1));
        WorkBuffer other = start(handling(limits));
        other.enqueue(Work.of("poison", "\"bad\""));
        untilRows("select attempts from sluice.work_items where owner is null", "1");
        other.enqueue(Work.of("poison", "\"hour\""));
        until(() -> runs.size() == 2);
        crashTwice();
        var shorts = new AtomicInteger();
        var isLong = new CountDownLatch(1);
        WorkBuffer engine = start(handling(limits).handler("busy", (each, context) -> {
            if (each.payloadText().equals("\"long\"")) {
                isLong.await();
            }
            shorts.incrementAndGet();
            return Outcome.done();
        }));
        engine.enqueue(Work.of("busy", "\"long\""));
        for (int i = 1; i <= 10; i++) { // Long enough for several looks.
            engine.enqueue(Work.of("busy", "\"short\"").delay(Duration.ofMillis(20)));
            int done = i;
            until(() -> shorts.get() == done);
        }
        assertThat(runs).hasSize(2);
        hour.countDown();
        until(() -> runs.size() == 3);
        assertThat(runs.get(2)).isEqualTo("\"bad\"");
        isLong.countDown();
        untilAllIsDone();
    }

    @Test
    void oneWithoutRoomDoesNotHoldUpOneWithRoom() throws Exception {
        HandlerSettings limits = HandlerSettings.DEFAULT.limitKey("/t").limitOfEachKey(Limit.ofConcurrency(1));
        WorkBuffer other = start(handling(limits));
        other.enqueue(Work.of("poison", "{\"t\": 1, \"is\": \"bad\"}"));
        untilRows("select attempts from sluice.work_items where owner is null", "1");
        other.enqueue(Work.of("poison", "{\"t\": 1, \"is\": \"hour\"}"));
        until(() -> runs.size() == 2);
        crashTwice();
        WorkBuffer engine = start(handling(limits));
        engine.enqueue(Work.of("poison", "{\"t\": 2, \"is\": \"bad\"}"));
        until(() -> runs.size() == 3);
        untilRows("select attempts from sluice.work_items where crashes = 0 and owner is null", "1");
        crashTwice();
        until(() -> runs.size() == 4);
        assertThat(runs.get(3)).isEqualTo("{\"t\": 2, \"is\": \"bad\"}");
        hour.countDown();
        untilAllIsDone();
        assertThat(runs).hasSize(5);
    }
}
