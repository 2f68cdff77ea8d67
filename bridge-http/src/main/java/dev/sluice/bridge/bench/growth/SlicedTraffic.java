package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.Answer;
import dev.sluice.bridge.bench.LoadStream;
import dev.sluice.bridge.bench.Traffic;
import java.nio.ByteBuffer;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Pushes of a soak. The load's thread owns them and their counts. Another thread asks for a slice, which is what
 * happened since the last slice, and the load's thread cuts it at the next request or answer.
 */
final class SlicedTraffic implements Traffic {
    private final Traffic pushes;
    private final Traffic pops;
    private final BlockingQueue<Slice> slices = new ArrayBlockingQueue<>(1);
    private volatile boolean isAsked;
    private volatile boolean isOver;
    private volatile boolean isFinished;
    private @Nullable LoadStream stream;
    private long sinceNanos = System.nanoTime();
    private long pushed;
    private long popped;
    private long refused;

    /** What happened in a part of the soak. */
    record Slice(double seconds, long pushed, long popped, long failed, double p50, double p99) {}

    /** Creates the traffic of pushes, which also counts for the pops beside them. */
    SlicedTraffic(Traffic pushes, Traffic pops) {
        this.pushes = pushes;
        this.pops = pops;
    }

    /** Sets the stream whose times the slices have, before the load begins. */
    void times(LoadStream times) {
        stream = times;
    }

    /** Asks for a slice and waits for it. Returns null if the load is finished or does not give one in time. */
    @Nullable
    Slice cut(long patience, TimeUnit unit) throws InterruptedException {
        slices.clear();
        isAsked = true;
        return isFinished ? null : slices.poll(patience, unit);
    }

    /** Gives the slice that a thread waits for. The load's thread calls it after the load. */
    void finish() {
        isFinished = true;
        cutIfAsked(System.nanoTime());
    }

    /** Ends the traffic before its time. */
    void end() {
        isOver = true;
    }

    private void cutIfAsked(long now) {
        if (!isAsked || stream == null) {
            return;
        }
        isAsked = false;
        long failed = pushes.failed() + pops.failed();
        var slice = new Slice(
                (now - sinceNanos) / 1e9,
                pushes.messages() - pushed,
                pops.messages() - popped,
                failed - refused,
                stream.requests().percentile(50),
                stream.requests().percentile(99));
        pushed = pushes.messages();
        popped = pops.messages();
        refused = failed;
        sinceNanos = now;
        stream.requests().reset();
        slices.offer(slice);
    }

    @Override
    public ByteBuffer next(int connection, long dueNanos) {
        cutIfAsked(System.nanoTime());
        return pushes.next(connection, dueNanos);
    }

    @Override
    public @Nullable ByteBuffer answered(int connection, Answer answer, long nanos) {
        ByteBuffer followUp = pushes.answered(connection, answer, nanos);
        cutIfAsked(nanos);
        return followUp;
    }

    @Override
    public boolean isDone() {
        return isOver;
    }

    @Override
    public @Nullable String firstFailure() {
        return pushes.firstFailure();
    }

    @Override
    public long messages() {
        return pushes.messages();
    }

    @Override
    public long failed() {
        return pushes.failed();
    }

    @Override
    public void reset() {
        pushes.reset();
        pushed = 0;
        refused = 0;
        popped = 0;
        sinceNanos = System.nanoTime();
    }
}
