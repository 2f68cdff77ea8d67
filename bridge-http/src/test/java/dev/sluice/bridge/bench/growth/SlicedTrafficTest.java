package dev.sluice.bridge.bench.growth;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.bench.LoadStream;
import dev.sluice.bridge.bench.PushTraffic;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nobody waits for a slice of a load that is finished. */
@Timeout(60)
class SlicedTrafficTest {
    private final PushTraffic pushes = new PushTraffic(new PushTraffic.Shape("localhost:1", "q", "a", 1, 1, 10), 1, 0);

    private final SlicedTraffic sliced = new SlicedTraffic(pushes, pushes);

    @Test
    void theEndOfTheLoadGivesTheSliceThatAThreadWaitsFor() throws Exception {
        sliced.times(LoadStream.closed(pushes, 1));
        var slice = new CompletableFuture<SlicedTraffic.Slice>();
        var asks = new Thread(() -> {
            try {
                slice.complete(sliced.cut(1, TimeUnit.HOURS));
            } catch (InterruptedException e) {
                slice.completeExceptionally(e);
            }
        });
        asks.start();
        while (asks.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        sliced.finish();
        assertThat(slice.get().pushed()).isZero();
        asks.join();
    }

    @Test
    void afterTheLoadThereIsNoSlice() throws Exception {
        sliced.finish();
        assertThat(sliced.cut(1, TimeUnit.HOURS)).isNull();
    }
}
