package dev.sluice.queue.view;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.view.MinuteCounters.Increment;
import dev.sluice.queue.view.MinuteCounters.Point;
import dev.sluice.queue.view.MinuteCounters.Range;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Counters add up by minute, queue and bridge. */
class MinuteCountersTest {
    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final MinuteCounters counters = new MinuteCounters(sluice.postgres.dataSource(), "sluice");

    @Test
    void addUpAndKeepTheGreatest() {
        counters.add("h:1", List.of(new Increment("q", Map.of(Counter.PUSH_MESSAGES, 3L, Counter.LAG_MAX_MS, 9L))));
        counters.add("h:1", List.of(new Increment("q", Map.of(Counter.PUSH_MESSAGES, 4L, Counter.LAG_MAX_MS, 5L))));
        counters.add("i:1", List.of(new Increment("r", Map.of(Counter.PUSH_MESSAGES, 5L))));
        assertThat(series(null, null, false))
                .extracting(point -> point.get(Counter.PUSH_MESSAGES))
                .containsExactly(12L);
        assertThat(series("q", null, true))
                .extracting(
                        point -> point.queue() + point.get(Counter.PUSH_MESSAGES) + " " + point.get(Counter.LAG_MAX_MS))
                .containsExactly("q7 9");
        assertThat(series(null, "i", true)).extracting(Point::queue).containsExactly("r");
        assertThat(series(null, "_", true)).isEmpty();
    }

    @Test
    void ofTheEmptyNameAndOfNoQueueStayApart() {
        sluice.queues.configure("", "shop", "", QueueOptions.DEFAULTS);
        counters.add(
                "h:1",
                List.of(
                        new Increment("", Map.of(Counter.PUSH_MESSAGES, 3L)),
                        new Increment(MinuteCounters.NO_QUEUE, Map.of(Counter.PUSH_MESSAGES, 40L)),
                        new Increment("q", Map.of(Counter.PUSH_MESSAGES, 500L))));
        assertThat(series(null, null, true))
                .extracting(point -> point.queue() + point.get(Counter.PUSH_MESSAGES))
                .containsExactlyInAnyOrder("3", MinuteCounters.NO_QUEUE + "40", "q500");
        assertThat(series("", null, true))
                .extracting(point -> point.get(Counter.PUSH_MESSAGES))
                .containsExactly(3L);
        assertThat(series(null, null, false))
                .extracting(point -> point.get(Counter.PUSH_MESSAGES))
                .containsExactly(543L);
        assertThat(ofQueues(new ResourceFilter(null, "shop", null), null, true))
                .extracting(point -> point.queue() + point.get(Counter.PUSH_MESSAGES))
                .containsExactly("3");
    }

    @Test
    void areReadPageByPagePastTheEmptyName() {
        for (String queue : List.of("a", "", "(", "z", MinuteCounters.NO_QUEUE)) {
            counters.add("h:1", List.of(new Increment(queue, Map.of(Counter.PUSH_MESSAGES, 1L))));
        }
        var seen = new ArrayList<String>();
        MinuteCounters.Key after = null;
        for (List<Point> page = named(after); !page.isEmpty(); page = named(after)) {
            Point last = page.get(0);
            seen.add(last.queue());
            after = new MinuteCounters.Key(last.bucket(), last.queue(), last.worker());
        }
        assertThat(seen).containsExactlyInAnyOrder("a", "", "(", "z");
    }

    private List<Point> named(MinuteCounters.Key after) {
        return counters.series(day(ResourceFilter.ALL, null), true, true, MinuteCounters.Which.NAMED, 1, after);
    }

    /** Returns the counters of a day, so that the end of a minute or an hour does not matter. */
    private List<Point> series(String queue, String host, boolean byQueue) {
        return ofQueues(new ResourceFilter(queue, null, null), host, byQueue);
    }

    private List<Point> ofQueues(ResourceFilter queues, String host, boolean byQueue) {
        return counters.series(day(queues, host), byQueue, false, MinuteCounters.Which.ALL, 1000, null);
    }

    private static Range day(ResourceFilter queues, String host) {
        Instant now = Instant.now();
        return new Range(
                now.minus(Duration.ofHours(12)), now.plus(Duration.ofHours(12)), Duration.ofDays(3650), queues, host);
    }

    @Test
    void arePrunedByAge() {
        counters.add("h:1", List.of(new Increment("q", Map.of(Counter.PUSH_MESSAGES, 1L))));
        counters.addSamples(
                "h:1", 1, List.of("a"), new double[] {1}, new double[] {1}, new double[] {1}, new double[] {1});
        assertThat(counters.prune(90)).isZero();
        sluice.postgres.execute("update sluice.minute_counters set bucket = bucket - interval '91 days'");
        sluice.postgres.execute("update sluice.minute_samples set bucket = bucket - interval '91 days'");
        assertThat(counters.prune(90)).isEqualTo(2);
    }
}
