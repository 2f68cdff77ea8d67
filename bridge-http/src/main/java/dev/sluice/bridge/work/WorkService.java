package dev.sluice.bridge.work;

import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.bridge.webhook.WebhookSender;
import dev.sluice.bridge.work.builtin.BuiltinParts;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.Queues;
import dev.sluice.work.CloseReport;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkListener;
import dev.sluice.work.watch.WorkMeter;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The work engine of a process. Starts its {@link WorkBuffer} as soon as the database can be used if it has handlers,
 * else at the first call of {@link #buffer}. Any thread may call.
 */
public final class WorkService implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(WorkService.class);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

    private final WorkConfig config;
    private final DataSource connections;
    private final Runnable requireDatabase;
    private final Surroundings surroundings;
    private final Thread starting = Threads.daemon("sluice-work-start", this::keepStarting);
    private final Thread closing = Threads.daemon("sluice-work-stop", this::closeBuffer);
    private final Handlers handlers;
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile @Nullable WorkListener listener;
    private volatile @Nullable WorkBuffer running;
    private volatile CloseReport report = new CloseReport(0, 0, true);

    /**
     * What the process gives to its engine.
     *
     * @param meter counts works
     * @param tells gets the queues to which the engine has written, if the process has wake-ups already; then it hands
     *     to {@link #wake} what it hears. Null: the engine listens itself
     * @param webhooks sends what webhooks deliver
     */
    public record Surroundings(WorkMeter meter, @Nullable Consumer<Set<String>> tells, WebhookSender webhooks) {}

    /**
     * Makes a service without a thread, and its handlers.
     *
     * @param connections a pool of its own
     * @param requireDatabase throws {@link QueueException} while the database cannot be used
     * @throws StartException if a handler cannot be made
     */
    public WorkService(WorkConfig config, DataSource connections, Runnable requireDatabase, Surroundings surroundings)
            throws StartException {
        this.config = config;
        this.handlers = new Handlers(
                config,
                new BuiltinParts(
                        surroundings.webhooks(),
                        this::beginPause,
                        new Queues(connections, config.schema(), config.cipher(), () -> {})::ensure));
        this.connections = connections;
        this.requireDatabase = requireDatabase;
        this.surroundings = surroundings;
    }

    /** Sets a listener of events, before the engine starts. */
    public void listener(WorkListener value) {
        listener = value;
    }

    /** Begins to start the engine, if it has handlers. Does not wait for the database. */
    public void open() {
        if (config.hasHandlers()) {
            starting.start();
        }
    }

    /**
     * Returns the buffer of the process. Starts it if it does not run.
     *
     * @throws QueueException if the database cannot be used now; a retry may help
     */
    public WorkBuffer buffer() {
        requireDatabase.run();
        WorkBuffer buffer = running;
        return buffer == null ? start() : buffer;
    }

    /** Pauses a type on all engines, on a thread of its own. */
    private void beginPause(String type) {
        Threads.daemon("sluice-work-pause", () -> {
                    try {
                        buffer().pause(type);
                        log.warn(
                                "Paused a type of work because its target answered 410, resume it once it is mended"
                                        + " type={}",
                                type);
                    } catch (RuntimeException e) {
                        log.warn("A type of work whose target answered 410 was not paused type={}", type, e);
                    }
                })
                .start();
    }

    private synchronized WorkBuffer start() {
        WorkBuffer started = running;
        if (started != null) {
            return started;
        }
        if (closed.getCount() == 0) {
            throw new QueueException("could not use the work engine", new SQLException("it is stopping", "57P03"));
        }
        WorkBuffer.Builder builder = WorkBuffer.builder(connections)
                .schema(config.schema())
                .applySchema(config.appliesSchema())
                .cipher(config.cipher());
        config.settings().accept(builder);
        handlers.register(builder);
        if (config.countsWorks()) {
            builder.meter(surroundings.meter());
        }
        if (surroundings.tells() != null) {
            builder.wakeUps(surroundings.tells());
        }
        WorkListener listens = listener;
        if (listens != null) {
            builder.listener(listens);
        }
        started = builder.start();
        running = started;
        return started;
    }

    private void keepStarting() {
        Duration pause = FIRST_PAUSE;
        String lastError = "";
        try {
            do {
                try {
                    buffer();
                    log.info(
                            "The work engine runs handlers types={}",
                            config.handlers().stream()
                                    .map(HandlerConfig::workType)
                                    .toList());
                    return;
                } catch (RuntimeException e) {
                    String error = String.valueOf(e.getMessage());
                    if (!error.equals(lastError)) {
                        log.warn("The work engine cannot start yet, trying again reason={}", error);
                    }
                    lastError = error;
                }
                Duration longer = pause.multipliedBy(2);
                pause = longer.compareTo(LONGEST_PAUSE) < 0 ? longer : LONGEST_PAUSE;
            } while (!closed.await(pause.toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Says that a queue has new messages. Never blocks. */
    public void wake(String queue) {
        WorkBuffer buffer = running;
        if (buffer != null) {
            buffer.wake(queue);
        }
    }

    /** Returns how many events listeners have missed. */
    public long droppedEvents() {
        WorkBuffer buffer = running;
        return buffer == null ? 0 : buffer.droppedEvents();
    }

    /** Begins to close the engine: its handlers may end while other parts close. */
    public void beginClose() {
        starting.interrupt();
        synchronized (this) { // A start that is under way ends before.
            closed.countDown();
        }
        closing.start();
    }

    private void closeBuffer() {
        WorkBuffer buffer = running;
        if (buffer != null) {
            buffer.close();
            try {
                report = buffer.closeAndReport();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        running = null;
        handlers.close();
    }

    /** Returns what the engine has left when it closed. */
    public CloseReport closeReport() {
        return report;
    }

    /** Waits until the handlers have ended, or were given up within the timeouts of the settings. */
    @Override
    public void close() {
        if (closed.getCount() > 0) {
            beginClose();
        }
        try {
            closing.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
