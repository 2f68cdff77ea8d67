package dev.sluice.bridge.pop;

import static dev.sluice.bridge.pop.PopFixture.QUEUE;
import static dev.sluice.bridge.pop.PopFixture.batch;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Message;
import dev.sluice.queue.PopResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The dispatcher on its own threads and in real time. */
class PopThreadsTest {
    private static final int CONSUMERS = 8;
    private static final int MESSAGES = 2000;

    private final FakeQueue queue = new FakeQueue();
    private final ConcurrentLinkedQueue<String> received = new ConcurrentLinkedQueue<>();

    @Test
    void everyMessageReachesOneOfManyConsumersWhilePushesWakeThem() throws Exception {
        ExecutorService consumers = Executors.newFixedThreadPool(CONSUMERS);
        var config = new PopDispatcherConfig(2, 100, Duration.ofMinutes(10));
        try (var dispatcher =
                new PopDispatcher(queue::pop, queue::outcomeOf, queue::namespaces, queue::giveBack, config)) {
            var done = new ArrayList<CompletableFuture<Void>>();
            for (int i = 0; i < CONSUMERS; i++) {
                done.add(CompletableFuture.runAsync(() -> consume(dispatcher), consumers));
            }
            for (int i = 0; i < MESSAGES; i++) {
                queue.add("q", "m" + i);
                dispatcher.wake("q");
            }
            CompletableFuture.allOf(done.toArray(CompletableFuture<?>[]::new)).get(120, TimeUnit.SECONDS);
            assertThat(dispatcher.waiting()).isZero();
        } finally {
            consumers.shutdownNow();
        }
        List<String> all =
                IntStream.range(0, MESSAGES).mapToObj(number -> "m" + number).toList();
        assertThat(received).containsExactlyInAnyOrderElementsOf(all);
    }

    /** Pops until all messages have arrived somewhere. */
    private void consume(PopDispatcher dispatcher) {
        while (received.size() < MESSAGES) {
            CompletableFuture<PopResult> answer = dispatcher.pop(QUEUE, batch(3), Duration.ofMillis(200), () -> false);
            try {
                answer.get(120, TimeUnit.SECONDS).messages().stream()
                        .map(Message::payloadText)
                        .forEach(received::add);
            } catch (InterruptedException | ExecutionException | TimeoutException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
