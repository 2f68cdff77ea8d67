package dev.sluice.bridge.webhook;

import dev.sluice.queue.MessageIds;
import dev.sluice.work.Context;
import dev.sluice.work.WorkId;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The run of a work that no engine runs. */
final class TestContext implements Context {
    final WorkId id = new WorkId(new MessageIds().next());
    final List<String> lines = new CopyOnWriteArrayList<>();
    final List<Duration> extensions = new CopyOnWriteArrayList<>();
    volatile int attempt = 1;
    volatile boolean isStopping;

    @Override
    public WorkId id() {
        return id;
    }

    @Override
    public void onStop(Runnable action) {}

    @Override
    public int attempt() {
        return attempt;
    }

    @Override
    public int crashes() {
        return 0;
    }

    @Override
    public long snoozes() {
        return 0;
    }

    @Override
    public Duration remaining() {
        return Duration.ofMinutes(5);
    }

    @Override
    public void extend(Duration fromNow) {
        extensions.add(fromNow);
    }

    @Override
    public void progress(int percent, String text) {}

    @Override
    public void log(String line) {
        lines.add(line);
    }

    @Override
    public boolean isStopping() {
        return isStopping;
    }

    @Override
    public boolean isCancelled() {
        return false;
    }
}
