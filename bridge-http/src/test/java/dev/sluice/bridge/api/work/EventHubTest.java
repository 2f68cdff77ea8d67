package dev.sluice.bridge.api.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A stream is told of the events that it misses itself, and of no others. */
class EventHubTest {
    private static final int ROOM = 4;

    private final TestPostgres postgres = TestPostgres.empty();
    private final Queue<String> written = new ConcurrentLinkedQueue<>();
    private final EventHub hub = new EventHub(new EventHub.Limits(10, 1_000));

    @AfterEach
    void close() {
        hub.close();
        postgres.close();
    }

    /** Returns a response that notes what is written, once {@code mayWrite} lets it. */
    private Response response(Semaphore mayWrite) {
        return (Response) Proxy.newProxyInstance(
                Response.class.getClassLoader(), new Class<?>[] {Response.class}, (proxy, method, arguments) -> {
                    if (!method.getName().equals("write")) {
                        throw new AssertionError("A stream only writes to its response, but called " + method);
                    }
                    mayWrite.acquire();
                    written.add(StandardCharsets.UTF_8
                            .decode((ByteBuffer) arguments[1])
                            .toString());
                    ((Callback) arguments[2]).succeeded();
                    return null;
                });
    }

    private String written() {
        return String.join("", written);
    }

    private static List<Work> works(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> Work.of("t", Integer.toString(i)))
                .toList();
    }

    @Test
    void whatAnotherListenerMissesIsNotMissingInAStream() throws Exception {
        var hangs = new CountDownLatch(1);
        try (WorkBuffer work = WorkBuffer.builder(postgres.dataSource())
                .eventBuffer(ROOM)
                .listener(event -> hangs.await())
                .closeTimeout(Duration.ofSeconds(1))
                .start()) {
            EventStream stream = hub.open(work, Set.of(), null);
            CompletableFuture<?> ended = stream.start(response(new Semaphore(1_000_000)));
            for (int i = 0; i < 20; i++) {
                work.enqueue(works(1));
                int soFar = i + 1;
                await().until(() -> written().split("event: enqueued", -1).length - 1 == soFar);
            }
            assertThat(work.droppedEvents()).as("of the listener that hangs").isPositive();
            assertThat(written()).doesNotContain("event: dropped");
            hangs.countDown();
            stream.close();
            ended.join();
        }
    }

    @Test
    void whatTheHubMissesIsMissingInEveryStream() throws Exception {
        try (WorkBuffer work = WorkBuffer.builder(postgres.dataSource())
                .eventBuffer(ROOM)
                .closeTimeout(Duration.ofSeconds(1))
                .start()) {
            var mayWrite = new Semaphore(1); // The beginning of the stream.
            EventStream stream = hub.open(work, Set.of(), null);
            CompletableFuture<?> ended = stream.start(response(mayWrite));
            work.enqueue(works(100));
            await().until(() -> work.droppedEvents() > 0);
            mayWrite.release(1_000_000);
            work.enqueue(works(1)); // A drop is noticed with the next event.
            await().until(() -> written().contains("{\"dropped\":null,\"reason\":\"busy\"}"));
            stream.close();
            ended.join();
        }
    }
}
