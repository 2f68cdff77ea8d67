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
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ManyConsumersTest extends QueueFixture {
    @Test
    void getEveryMessageOnceAndInOrderWhileWritersWrite() throws Exception {
        int partitions = 10;
        int perPartition = 200;
        var taken = new ConcurrentHashMap<String, List<Long>>();
        var pool = Executors.newFixedThreadPool(8);
        var written = new AtomicBoolean();
        var count = new AtomicInteger();
        try {
            var tasks = new ArrayList<Callable<Void>>();
            for (int w = 0; w < 2; w++) {
                int offset = w;
                tasks.add(() -> {
                    try (var mine = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                        for (int i = 0; i < perPartition / 2; i += 5) {
                            var messages = new ArrayList<NewMessage>();
                            for (int p = 0; p < partitions; p++) {
                                for (int k = 0; k < 5; k++) {
                                    messages.add(message("p" + p, "w" + offset + "-" + (i + k)));
                                }
                            }
                            mine.write(messages, List.of());
                        }
                    }
                    return null;
                });
            }
            for (int c = 0; c < 6; c++) {
                tasks.add(() -> {
                    while (count.get() < partitions * perPartition) {
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
                });
            }
            var futures = tasks.stream().map(pool::submit).toList();
            for (Future<Void> future : futures.subList(0, 2)) {
                future.get();
            }
            written.set(true);
            for (Future<Void> future : futures) {
                future.get();
            }
        } finally {
            pool.shutdownNow();
        }
        for (int p = 0; p < partitions; p++) {
            var seqs = taken.get("p" + p);
            assertThat(new HashSet<>(seqs)).as("delivered of p%d", p).hasSize(perPartition);
            assertThat(seqs).as("order of p%d", p).isSorted().hasSize(perPartition);
        }
        assertThat(postgres.query(
                        "select count(*) from sluice.cursors where available_at is not null or lease_id is not null"))
                .as("cursors left ready or leased")
                .containsExactly("0");
    }
}
