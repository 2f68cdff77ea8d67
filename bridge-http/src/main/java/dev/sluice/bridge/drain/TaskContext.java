package dev.sluice.bridge.drain;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.errors.IllegalWorkerStateException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkTaskContext;

/**
 * The context through which a sink task asks the drain for something. It only notes the requests; {@link TaskDriver}
 * fulfils them. One thread owns it.
 */
final class TaskContext implements SinkTaskContext {
    private static final long NO_TIMEOUT = -1;

    private final Map<String, String> properties;
    private final ErrantRecordReporter reporter;
    private final Set<TopicPartition> assignment = new HashSet<>();
    private final Set<TopicPartition> paused = new HashSet<>();
    private final Map<TopicPartition, Long> offsets = new HashMap<>();
    private long timeoutMs = NO_TIMEOUT;
    private boolean commitRequested;

    TaskContext(Map<String, String> properties, ErrantRecordReporter reporter) {
        this.properties = properties;
        this.reporter = reporter;
    }

    void assign(TopicPartition partition) {
        assignment.clear();
        assignment.add(partition);
        paused.clear();
        offsets.clear();
    }

    /** Returns the offset that the task asked to continue from, and forgets it. */
    OptionalLong takeOffset(TopicPartition partition) {
        Long offset = offsets.remove(partition);
        return offset == null ? OptionalLong.empty() : OptionalLong.of(offset);
    }

    boolean hasTimeout() {
        return timeoutMs != NO_TIMEOUT;
    }

    /** Returns the timeout that the task asked for, and forgets it; {@code otherwise} if there is none. */
    long takeTimeoutMs(long otherwise) {
        long timeout = timeoutMs == NO_TIMEOUT ? otherwise : timeoutMs;
        timeoutMs = NO_TIMEOUT;
        return timeout;
    }

    boolean isPaused(TopicPartition partition) {
        return paused.contains(partition);
    }

    /** Returns whether the task asked for {@code preCommit}, and forgets it. */
    boolean takeCommitRequest() {
        boolean requested = commitRequested;
        commitRequested = false;
        return requested;
    }

    @Override
    public Map<String, String> configs() {
        return properties;
    }

    @Override
    public void offset(Map<TopicPartition, Long> newOffsets) {
        newOffsets.forEach(this::offset);
    }

    @Override
    public void offset(TopicPartition tp, long offset) {
        requireAssigned(tp);
        offsets.put(tp, offset);
    }

    @Override
    public void timeout(long newTimeoutMs) {
        timeoutMs = newTimeoutMs;
    }

    @Override
    public Set<TopicPartition> assignment() {
        return Set.copyOf(assignment);
    }

    @Override
    public void pause(TopicPartition... partitions) {
        List.of(partitions).forEach(this::requireAssigned);
        paused.addAll(List.of(partitions));
    }

    @Override
    public void resume(TopicPartition... partitions) {
        List.of(partitions).forEach(this::requireAssigned);
        List.of(partitions).forEach(paused::remove);
    }

    @Override
    public void requestCommit() {
        commitRequested = true;
    }

    @Override
    public ErrantRecordReporter errantRecordReporter() {
        return reporter;
    }

    /** Not supported, because the bridge has its own metrics. */
    @Override
    public PluginMetrics pluginMetrics() {
        throw new UnsupportedOperationException("the bridge offers no plug-in metrics to its sink task");
    }

    private void requireAssigned(TopicPartition partition) {
        if (!assignment.contains(partition)) {
            throw new IllegalWorkerStateException(partition + " is not assigned to this task; " + assignment + " is");
        }
    }
}
