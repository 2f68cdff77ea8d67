package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.Answer;
import dev.sluice.bridge.bench.Traffic;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Traffic that ends when a number of its messages is answered. One thread calls it. */
final class LimitedTraffic implements Traffic {
    private final Traffic traffic;
    private final long most;

    LimitedTraffic(Traffic traffic, long most) {
        this.traffic = traffic;
        this.most = most;
    }

    @Override
    public ByteBuffer next(int connection, long dueNanos) {
        return traffic.next(connection, dueNanos);
    }

    @Override
    public @Nullable ByteBuffer answered(int connection, Answer answer, long nanos) {
        return traffic.answered(connection, answer, nanos);
    }

    @Override
    public boolean wasEmpty() {
        return traffic.wasEmpty();
    }

    @Override
    public boolean isDone() {
        return traffic.isDone() || messages() + failed() >= most;
    }

    @Override
    public @Nullable String firstFailure() {
        return traffic.firstFailure();
    }

    @Override
    public long messages() {
        return traffic.messages();
    }

    @Override
    public long failed() {
        return traffic.failed();
    }

    @Override
    public void reset() {
        traffic.reset();
    }
}
