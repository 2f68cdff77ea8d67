package dev.sluice.bridge.workflow;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.workflow.LibraryClient.PopQuery;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The loop of a consumer, in one or more workers: pop, handle, acknowledge. A pop that times out is tried again, and so
 * is one that finds no server, after a second; any other failure ends the consumption. What the handler throws makes
 * the batch {@code failed}.
 */
final class Consumption {
    private static final long NO_SERVER_MILLIS = 1000;
    private static final long NOTHING_MILLIS = 100;

    private final LibraryClient client;
    private final PopQuery query;
    private final int workers;
    private final int limit;
    private final Duration idle;
    private final AtomicInteger handled = new AtomicInteger();

    /** Handles what a pop brought. */
    interface Handler {
        void handle(List<JsonNode> messages) throws Exception;
    }

    /**
     * Prepares a consumption.
     *
     * @param limit messages after which it ends
     * @param idle time without a message after which it ends
     */
    Consumption(LibraryClient client, PopQuery query, int workers, int limit, Duration idle) {
        this.client = client;
        this.query = query;
        this.workers = workers;
        this.limit = limit;
        this.idle = idle;
    }

    /** Runs to its end. Returns how many messages were handled without a failure. */
    int run(Handler handler) throws Exception {
        var pool = Executors.newFixedThreadPool(workers);
        try {
            var running = new ArrayList<Future<?>>();
            for (int i = 0; i < workers; i++) {
                running.add(pool.submit(() -> {
                    work(handler);
                    return null;
                }));
            }
            for (Future<?> each : running) {
                each.get();
            }
            return handled.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        } finally {
            pool.shutdownNow();
        }
    }

    private void work(Handler handler) throws ClientException, InterruptedException {
        long lastMessage = System.nanoTime();
        while (handled.get() < limit && System.nanoTime() - lastMessage < idle.toNanos()) {
            List<JsonNode> messages;
            try {
                messages = client.popOrFail(query);
            } catch (ClientException e) {
                if (e.status() != ClientException.NO_ANSWER) {
                    throw e;
                }
                if (!"timeout".equals(e.getMessage())) {
                    Thread.sleep(NO_SERVER_MILLIS);
                }
                continue;
            }
            if (messages.isEmpty()) {
                if (!query.waits()) {
                    Thread.sleep(NOTHING_MILLIS);
                }
                continue;
            }
            lastMessage = System.nanoTime();
            acknowledge(handler, messages);
        }
    }

    private void acknowledge(Handler handler, List<JsonNode> messages) throws ClientException, InterruptedException {
        String error = null;
        try {
            handler.handle(messages);
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception e) {
            error = String.valueOf(e.getMessage());
        }
        String status = error == null ? "completed" : "failed";
        if (error == null) {
            handled.addAndGet(messages.size());
        }
        if (messages.size() == 1) {
            client.acknowledge(messages.get(0), status, query.groupName(), error);
        } else {
            client.acknowledge(messages, status, query.groupName(), error);
        }
    }

    /** Runs tasks at the same time and returns their results in order. */
    static <T> List<T> together(List<Callable<T>> tasks) throws Exception {
        var pool = Executors.newFixedThreadPool(tasks.size());
        try {
            var results = new ArrayList<T>();
            for (Future<T> each : pool.invokeAll(tasks)) {
                results.add(each.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }
}
