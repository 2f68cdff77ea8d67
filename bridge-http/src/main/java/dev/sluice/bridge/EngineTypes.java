package dev.sluice.bridge;

import dev.sluice.bridge.endpoint.WebhookDelivery;
import dev.sluice.bridge.system.Threads;
import dev.sluice.bridge.webhook.WebhookHandler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the types of endpoints into the work engine of this process, and takes them out. One thread does it, because a
 * type that is removed ends what it has begun first. While the database cannot be used, it tries again. Any thread may
 * call.
 */
final class EngineTypes implements WebhookDelivery.Types, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EngineTypes.class);

    /** How long deliveries may take to end when their endpoint changes; then they are given back, and run again. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static final long PAUSE_MS = 500;
    private static final long STOP_MS = 5_000;

    private final Supplier<WorkBuffer> engine;
    private final Map<String, Registered> wanted = new HashMap<>();
    private final Semaphore changes = new Semaphore(0);
    private final Thread thread = Threads.daemon("sluice-endpoint-types", this::run);
    private volatile boolean closed;
    private boolean failing;

    /** What is in the engine. Only the thread uses it. */
    private final Map<String, Registered> there = new HashMap<>();

    private record Registered(WebhookHandler handler, HandlerSettings settings) {}

    /** Makes it; {@code engine} starts the engine if it does not run. */
    EngineTypes(Supplier<WorkBuffer> engine) {
        this.engine = engine;
    }

    void start() {
        thread.start();
    }

    @Override
    public void put(String type, WebhookHandler handler, HandlerSettings settings) {
        want(type, new Registered(handler, settings));
    }

    @Override
    public void remove(String type) {
        want(type, null);
    }

    private void want(String type, @Nullable Registered registered) {
        synchronized (wanted) {
            if (registered == null) {
                wanted.remove(type);
            } else {
                wanted.put(type, registered);
            }
        }
        changes.release();
    }

    private void run() {
        try {
            while (!closed) {
                changes.acquire();
                changes.drainPermits();
                while (!closed && !apply()) {
                    Thread.sleep(PAUSE_MS);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Brings the engine to what is wanted. Returns false if something is left to do. */
    private boolean apply() throws InterruptedException {
        Map<String, Registered> target;
        synchronized (wanted) {
            target = new HashMap<>(wanted);
        }
        Set<String> names = new HashSet<>(there.keySet());
        names.addAll(target.keySet());
        boolean isDone = true;
        for (String type : names) {
            isDone &= applySafely(type, target.get(type));
        }
        if (isDone && failing) {
            failing = false;
            log.info("Deliveries to all endpoints go on");
        }
        return isDone;
    }

    /** A type that cannot be changed must not keep the others from it. */
    private boolean applySafely(String type, @Nullable Registered target) throws InterruptedException {
        Registered before = there.get(type);
        if (Objects.equals(before, target)) {
            return true;
        }
        try {
            if (before != null) {
                engine.get().remove(type, PATIENCE);
                there.remove(type);
            }
            if (target != null) {
                engine.get()
                        .addAsync(type, (work, context) -> target.handler().handle(work, context), target.settings());
                there.put(type, target);
            }
            return true;
        } catch (RuntimeException e) {
            if (!failing && !closed) {
                failing = true;
                log.warn(
                        "Deliveries to an endpoint cannot begin yet, trying again type={} reason={}",
                        type,
                        e.getMessage());
            }
            return false;
        }
    }

    /** Changes nothing any more. The engine ends what runs when it closes. */
    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        try {
            thread.join(STOP_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
