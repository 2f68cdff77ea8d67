package dev.sluice.bridge.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The thread of a selector writes the answers, each of them once, also while the server stops. */
class SelectorAnswersTest {
    private static final int LONG_SECONDS = 20;

    private final Server server = new Server();
    private ManagedSelector selector;
    private SelectorAnswers answers;

    @BeforeEach
    void start() throws Exception {
        var connector = new ServerConnector(server, 0, 1);
        server.addConnector(connector);
        server.start();
        selector = connector
                .getSelectorManager()
                .getBeans(ManagedSelector.class)
                .iterator()
                .next();
        answers = new SelectorAnswers(selector);
    }

    @AfterEach
    void stop() throws Exception {
        server.stop();
    }

    @Test
    void oneThreadThatIsNotTheCallerWritesAllAnswersInTheirOrder() throws Exception {
        Set<Thread> writers = ConcurrentHashMap.newKeySet();
        var written = new ArrayList<Integer>();
        var entered = new CountDownLatch(1);
        var added = new CountDownLatch(1);
        var done = new CountDownLatch(1);
        answers.add(() -> {
            entered.countDown();
            await(added);
        });
        assertThat(entered.await(LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
        for (int i = 0; i < 5; i++) {
            int number = i;
            answers.add(() -> {
                writers.add(Thread.currentThread());
                written.add(number);
            });
        }
        assertThat(written).as("the selector is busy").isEmpty();
        answers.add(done::countDown);
        added.countDown();
        assertThat(done.await(LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(written).containsExactly(0, 1, 2, 3, 4);
        assertThat(writers).hasSize(1).doesNotContain(Thread.currentThread());
    }

    @Test
    void anAnswerThatThrowsDoesNotKeepBackTheOthers() throws Exception {
        var entered = new CountDownLatch(1);
        var added = new CountDownLatch(1);
        var done = new CountDownLatch(1);
        selector.submit(unused -> {
            entered.countDown();
            await(added);
        });
        assertThat(entered.await(LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
        answers.add(() -> {
            throw new OutOfMemoryError("no memory for buffers of sockets");
        });
        answers.add(done::countDown);
        added.countDown();
        assertThat(done.await(LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void theCallerWritesIfTheSelectorHasStopped() throws Exception {
        server.stop();
        var writer = new ArrayList<Thread>();
        answers.add(() -> writer.add(Thread.currentThread()));
        assertThat(writer).containsExactly(Thread.currentThread());
    }

    @Test
    void everyAnswerIsWrittenOnceWhileManyAreAddedAndTheServerStops() throws Exception {
        int threads = 4;
        int each = 20_000;
        var counts = new AtomicInteger[threads * each];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = new AtomicInteger();
        }
        var half = new CountDownLatch(threads);
        List<Thread> adders = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            int first = t * each;
            var adder = new Thread(() -> {
                for (int i = first; i < first + each; i++) {
                    AtomicInteger count = counts[i];
                    answers.add(count::incrementAndGet);
                    if (i == first + each / 2) {
                        half.countDown();
                    }
                }
            });
            adders.add(adder);
            adder.start();
        }
        assertThat(half.await(LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
        server.stop();
        for (Thread adder : adders) {
            adder.join();
        }
        assertThat(counts).allMatch(count -> count.get() == 1);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
