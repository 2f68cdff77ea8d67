package dev.sluice.connect.sink;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.SourceProgress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * Runs the transactions of batches, one at a time: on the task's thread, or on a second thread while the task accepts
 * records. The second thread starts with the first batch in the background, so a task without {@code linger.ms} has
 * none.
 *
 * <p>Owned by the task's thread. While a batch is under way, the second thread owns the writer and the lists of the
 * batch. {@link #await} gives them back.
 */
final class BatchTransactions implements AutoCloseable {
    private final QueueWriter writer;
    private final String threadName;
    private @Nullable ExecutorService executor;
    private @Nullable UnderWay underWay;

    /**
     * A batch.
     *
     * @param records how many records
     * @param messages of the records that may be written
     * @param ends the next offset of each partition
     * @param progress the same for the writer
     */
    record Batch(int records, List<NewMessage> messages, Map<SinkPosition, Long> ends, List<SourceProgress> progress) {}

    /** What a transaction has done, and how long it took. */
    record Written(List<PushOutcome> outcomes, Duration took) {}

    private record UnderWay(Batch batch, Future<Written> written) {}

    BatchTransactions(QueueWriter writer, String source) {
        this.writer = writer;
        this.threadName = "sluice-sink-" + source;
    }

    /**
     * Writes a batch on this thread.
     *
     * @throws QueueException as {@link QueueWriter#write} does
     */
    Written run(Batch batch) {
        long startNanos = System.nanoTime();
        List<PushOutcome> outcomes = writer.write(batch.messages, batch.progress);
        return new Written(outcomes, Duration.ofNanos(System.nanoTime() - startNanos));
    }

    /**
     * Begins to write a batch on the second thread. Its log lines name the same connector as those of this thread.
     *
     * @throws IllegalStateException if a batch is under way
     */
    void start(Batch batch) {
        if (underWay != null) {
            throw new IllegalStateException("a batch is under way");
        }
        ExecutorService thread = executor;
        if (thread == null) {
            thread = Executors.newSingleThreadExecutor(this::thread);
            executor = thread;
        }
        Map<String, String> logContext = MDC.getCopyOfContextMap();
        underWay = new UnderWay(batch, thread.submit(() -> {
            if (logContext != null) {
                MDC.setContextMap(logContext);
            }
            return run(batch);
        }));
    }

    private Thread thread(Runnable work) {
        var thread = new Thread(work, threadName);
        thread.setDaemon(true);
        return thread;
    }

    boolean isUnderWay() {
        return underWay != null;
    }

    /** Returns true if {@link #await} does not wait. */
    boolean isDone() {
        return underWay == null || underWay.written.isDone();
    }

    /** Returns the batch that is under way. */
    Batch underWay() {
        return current().batch;
    }

    private UnderWay current() {
        UnderWay current = underWay;
        if (current == null) {
            throw new IllegalStateException("no batch is under way");
        }
        return current;
    }

    /**
     * Waits for the batch that is under way. Nothing is under way afterwards.
     *
     * @throws QueueException as {@link QueueWriter#write} does
     * @throws ConnectException if this thread is interrupted; the batch is still under way
     */
    Written await() {
        Future<Written> written = current().written;
        try {
            Written result = written.get();
            underWay = null;
            return result;
        } catch (ExecutionException e) {
            underWay = null;
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while a batch was being written", e);
        }
    }

    /** Ends the second thread, after the batch that is under way. */
    @Override
    public void close() {
        if (executor != null) {
            executor.shutdown();
        }
    }
}
