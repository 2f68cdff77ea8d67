package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Limit keys share the workers, however many works each of them has. */
class FairnessTest extends WorkFixture {
    private static final int BATCH = 5_000;

    /** For a busy machine. */
    private static final Duration LONG = Duration.ofSeconds(120);

    private final Map<String, AtomicInteger> begun = new ConcurrentHashMap<>();
    private final List<String> order = new CopyOnWriteArrayList<>();

    private int begun(String key) {
        AtomicInteger count = begun.get(key);
        return count == null ? 0 : count.get();
    }

    private Outcome handle(Work work, long millis) throws InterruptedException {
        begun.computeIfAbsent(String.valueOf(work.limitKey()), key -> new AtomicInteger())
                .incrementAndGet();
        TimeUnit.MILLISECONDS.sleep(millis);
        return Outcome.done();
    }

    private static List<Work> works(String tenant, int first, int count, boolean keyed) {
        return IntStream.range(first, first + count)
                .mapToObj(i -> Work.of("t", "{\"tenant\":\"" + tenant + "\"}").key(keyed ? "k" + i : null))
                .toList();
    }

    @ParameterizedTest
    @CsvSource({"100000, false", "3000, true"})
    void tenWorksOfATenantStartWithinASecondBehindThoseOfAnother(int large, boolean keyed) throws Exception {
        WorkBuffer work = start(builder()
                .concurrency(10)
                .handler("t", (each, context) -> handle(each, 20), HandlerSettings.DEFAULT.limitKey("/tenant")));
        for (int first = 0; first < large; first += BATCH) {
            work.enqueue(works("large", first, Math.min(BATCH, large - first), keyed));
        }
        until(() -> begun("large") > 50);
        work.enqueue(works("small", 0, 10, keyed));
        long since = System.nanoTime();
        until(() -> begun("small") == 10);
        assertThat(Duration.ofNanos(System.nanoTime() - since)).isLessThan(Duration.ofSeconds(1));
        assertThat(work.waiting("t")).as("the large tenant still waits").isGreaterThan(large / 3);
        work.pause("t");
    }

    @Test
    void tenantsGetWorksInTheProportionOfTheirWeights() throws Exception {
        WorkBuffer work = start(builder()
                .concurrency(4)
                .handler(
                        "t",
                        (each, context) -> {
                            order.add(String.valueOf(each.limitKey()));
                            return handle(each, 1);
                        },
                        HandlerSettings.DEFAULT.limitKey("/tenant")));
        work.pause("t");
        work.limitKey("t", "heavy", Limit.NONE.weight(3));
        work.enqueue(works("light", 0, 300, false));
        work.enqueue(works("heavy", 0, 300, false));
        work.enqueue(works("other", 0, 300, false));
        work.resume("t");
        until(() -> order.size() >= 300);
        var counts = new HashMap<String, Integer>();
        order.subList(0, 300).forEach(key -> counts.merge(key, 1, Integer::sum));
        assertThat(counts.get("heavy")).isBetween(165, 195);
        assertThat(counts.get("light")).isBetween(50, 70);
        assertThat(counts.get("other")).isBetween(50, 70);
    }

    /** Keys without room are not looked at: they have no turns. */
    @Test
    void tenThousandKeysThatMustWaitDoNotSlowTheOthers() throws Exception {
        int keys = 10_000;
        WorkBuffer work = start(builder()
                .concurrency(50)
                .handler(
                        "t",
                        (each, context) -> handle(each, 0),
                        HandlerSettings.DEFAULT
                                .limitKey("/tenant")
                                .limitOfEachKey(Limit.ofRate(1, Duration.ofHours(1)))));
        work.limitKey("t", "free", Limit.NONE);
        for (int first = 0; first < keys; first += BATCH) {
            for (int round = 0; round < 2; round++) {
                work.enqueue(IntStream.range(first, first + BATCH)
                        .mapToObj(i -> Work.of("t", "{\"tenant\":\"k" + i + "\"}"))
                        .toList());
            }
        }
        await().atMost(LONG).until(() -> begun.size() == keys);
        untilRows(
                "select count(*) filter (where turn is not null), count(*) filter (where due_at is not null)"
                        + " from sluice.work_limits",
                "0|" + keys);
        assertThat(begun.values()).allSatisfy(count -> assertThat(count).hasValue(1));
        assertThat(work.waiting("t")).isEqualTo(keys);
        long since = System.nanoTime();
        for (int i = 0; i < 10; i++) {
            work.enqueue(works("free", i * 10, 10, false));
            int wanted = (i + 1) * 10;
            until(() -> begun("free") == wanted);
        }
        assertThat(Duration.ofNanos(System.nanoTime() - since)).isLessThan(Duration.ofSeconds(1));
        work.pause("t");
    }

    @Test
    void ofManyKeysEachGetsAWorkBeforeOneGetsItsThird() throws Exception {
        int keys = 500;
        WorkBuffer work = start(builder()
                .concurrency(5)
                .handler(
                        "t",
                        (each, context) -> {
                            order.add(String.valueOf(each.limitKey()));
                            return handle(each, 0);
                        },
                        HandlerSettings.DEFAULT.limitKey("/tenant").limit(Limit.ofConcurrency(5))));
        work.pause("t");
        for (int round = 0; round < 4; round++) {
            work.enqueue(IntStream.range(0, keys)
                    .mapToObj(i -> Work.of("t", "{\"tenant\":\"k" + i + "\"}"))
                    .toList());
        }
        work.resume("t");
        until(() -> order.size() == 4 * keys);
        var counts = new HashMap<String, Integer>();
        for (String key : order) {
            if (counts.merge(key, 1, Integer::sum) == 3) {
                break;
            }
        }
        assertThat(counts).hasSize(keys);
        untilNothingIsLeft();
    }
}
