package dev.sluice.bridge.http;

import java.nio.channels.Selector;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.io.ManagedSelector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers that the thread of a selector writes. A commit of the database completes many requests at once. If the thread
 * that completes them wrote the answers, each answer would wake up the thread of the selector, which then waits for the
 * next request of that connection. The thread of the selector itself needs one wake-up for all of them. Any thread may
 * call.
 */
final class SelectorAnswers implements ManagedSelector.SelectorUpdate {
    private static final Logger log = LoggerFactory.getLogger(SelectorAnswers.class);

    private final ManagedSelector selector;
    private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean submitted = new AtomicBoolean();

    SelectorAnswers(ManagedSelector selector) {
        this.selector = selector;
    }

    /** Adds an answer. The caller writes it if the selector has stopped. */
    void add(Runnable write) {
        waiting.add(write);
        if (submitted.compareAndSet(false, true)) {
            selector.submit(this);
        }
        // What a selector gets before it begins to stop, it still runs.
        if (!selector.isRunning()) {
            writeAll();
        }
    }

    @Override
    public void update(Selector unused) {
        submitted.set(false); // First, so that no answer is added behind the last look without another submission.
        writeAll();
    }

    private void writeAll() {
        for (Runnable write = waiting.poll(); write != null; write = waiting.poll()) {
            try {
                write.run();
            } catch (RuntimeException | Error e) { // Would keep back the other answers.
                log.error("An answer could not be written; the others are", e);
            }
        }
    }
}
