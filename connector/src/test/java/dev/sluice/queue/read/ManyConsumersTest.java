package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ManyConsumersTest extends QueueFixture {
    private static final int PARTITIONS = 10;
    private static final int PER_PARTITION = 200;
    private static final int WRITERS = 2;
    private static final int CONSUMERS = 6;

    private final Map<String, List<Long>> taken = new ConcurrentHashMap<>();
    private final AtomicInteger count = new AtomicInteger();
    private final AtomicBoolean written = new AtomicBoolean();

    @Test
    void getEveryMessageOnceAndInOrderWhileWritersWrite() throws Exception {
        var pool = Executors.newFixedThreadPool(WRITERS + CONSUMERS);
        try {
            var tasks = new ArrayList<Callable<Void>>();
            for (int w = 0; w < WRITERS; w++) {
                int number = w;
                tasks.add(() -> write(number));
            }
            for (int c = 0; c < CONSUMERS; c++) {
                tasks.add(this::consume);
            }
            var futures = tasks.stream().map(pool::submit).toList();
            for (Future<Void> future : futures.subList(0, WRITERS)) {
                future.get();
            }
            written.set(true);
            for (Future<Void> future : futures) {
                future.get();
            }
        } finally {
            pool.shutdownNow();
        }
        for (int p = 0; p < PARTITIONS; p++) {
            var seqs = taken.get("p" + p);
            assertThat(new HashSet<>(seqs)).as("delivered of p%d", p).hasSize(PER_PARTITION);
            assertThat(seqs).as("order of p%d", p).isSorted().hasSize(PER_PARTITION);
        }
        assertThat(postgres.query(
                        "select count(*) from sluice.cursors where available_at is not null or lease_id is not null"))
                .as("cursors left ready or leased")
                .containsExactly("0");
    }

    /** Writes this writer's part of all partitions, five messages of each at a time. */
    private Void write(int number) {
        try (var mine = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            for (int i = 0; i < PER_PARTITION / WRITERS; i += 5) {
                var messages = new ArrayList<NewMessage>();
                for (int p = 0; p < PARTITIONS; p++) {
                    for (int k = 0; k < 5; k++) {
                        messages.add(message("p" + p, "w" + number + "-" + (i + k)));
                    }
                }
                mine.write(messages, List.of());
            }
        }
        return null;
    }

    /** Pops and completes until all messages are taken, or the writers are done and nothing can become ready. */
    private Void consume() {
        while (count.get() < PARTITIONS * PER_PARTITION) {
            PopResult result = pop(ANY, 7);
            for (Message message : result.messages()) {
                taken.computeIfAbsent(message.partition(), unused -> new ArrayList<>())
                        .add(message.seq());
            }
            if (!result.messages().isEmpty()) {
                assertThat(complete(result)).allMatch(Acknowledged.class::isInstance);
            }
            count.addAndGet(result.messages().size());
            if (written.get() && result.messages().isEmpty() && result.nextReadyIn() == null) {
                return null;
            }
        }
        return null;
    }
}
