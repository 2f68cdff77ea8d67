package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class MessageIdsTest {
    private final AtomicLong millis = new AtomicLong(1_800_000_000_000L);
    private final MessageIds ids = new MessageIds(() -> Instant.ofEpochMilli(millis.get()));

    @Test
    void areVersionSevenWithTheTimeInFront() {
        UUID id = ids.next();
        assertThat(id.version()).isEqualTo(7);
        assertThat(id.variant()).isEqualTo(2);
        assertThat(id.getMostSignificantBits() >>> 16).isEqualTo(millis.get());
    }

    @Test
    void growWithinOneMillisecondBeyondTheRoomOfTheCounter() {
        String last = ids.next().toString();
        for (int i = 0; i < 10_000; i++) {
            String next = ids.next().toString();
            assertThat(next).isGreaterThan(last);
            last = next;
        }
    }

    @Test
    void growWhenTheClockIsSetBack() {
        String before = ids.next().toString();
        millis.addAndGet(-3_600_000);
        assertThat(ids.next().toString()).isGreaterThan(before);
    }

    @Test
    void growThroughEveryStepOfTheClock() {
        String last = ids.next().toString();
        long day = 86_400_000;
        for (long step : new long[] {day, -2 * day, 1, -1, 3 * day, -365 * day, 0}) {
            millis.addAndGet(step);
            for (int i = 0; i < 5_000; i++) {
                String next = ids.next().toString();
                assertThat(next).isGreaterThan(last);
                last = next;
            }
        }
    }

    @Test
    void areUniqueAndInOrderForEachOfManyThreads() throws Exception {
        var shared = new MessageIds();
        Callable<List<UUID>> work = () -> {
            var made = new ArrayList<UUID>();
            for (int i = 0; i < 50_000; i++) {
                made.add(shared.next());
            }
            return made;
        };
        var all = new HashSet<UUID>();
        var threads = Executors.newFixedThreadPool(4);
        try {
            for (var made : threads.invokeAll(List.of(work, work, work, work))) {
                assertThat(made.get().stream().map(UUID::toString)).isSorted();
                all.addAll(made.get());
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(all).hasSize(200_000);
    }

    @Test
    void onlyTheTextOfAVersion7TellsItsTime() {
        Instant time = Instant.parse("2026-05-16T10:00:00.123Z");
        String id = new MessageIds(() -> time).next().toString();
        assertThat(MessageIds.timeOf(id)).isEqualTo(time);
        assertThat(MessageIds.timeOf(UUID.randomUUID().toString())).isNull();
        assertThat(MessageIds.timeOf(id.substring(0, 19) + 'c' + id.substring(20)))
                .isNull();
        assertThat(MessageIds.timeOf(id + "0")).isNull();
        assertThat(MessageIds.timeOf("o-1")).isNull();
        assertThat(MessageIds.timeOf("x".repeat(id.length()))).isNull();
    }
}
