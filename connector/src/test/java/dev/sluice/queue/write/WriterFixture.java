package dev.sluice.queue.write;

import dev.sluice.queue.TestPostgres;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;

/** A database with the schema and a writer. */
abstract class WriterFixture {
    static final SourcePartition SOURCE = new SourcePartition("log", "topic", 0);

    @AutoClose
    final TestPostgres postgres = TestPostgres.withSchema();

    QueueWriter writer;

    @BeforeEach
    void open() {
        writer = writer();
    }

    @AfterEach
    void close() {
        writer.close();
    }

    QueueWriter writer() {
        return new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    QueueWriter writer(Duration window, int maxIds) {
        return new QueueWriter(postgres.dataSource(), new QueueWriterConfig("sluice", window, maxIds));
    }

    List<String> transactionIds(String partition) {
        return postgres.query(
                "select transaction_id from sluice.messages where partition = '" + partition + "' order by seq");
    }

    interface WriterWork<T> {
        T with(QueueWriter writer) throws Exception;
    }

    <T> List<T> concurrently(int writers, WriterWork<T> work) throws Exception {
        var barrier = new CyclicBarrier(writers);
        var pool = Executors.newFixedThreadPool(writers);
        try {
            var tasks = new ArrayList<Callable<T>>();
            for (int i = 0; i < writers; i++) {
                tasks.add(() -> {
                    try (var mine = writer()) {
                        mine.storedOffset(SOURCE); // Opens the connection.
                        barrier.await(120, TimeUnit.SECONDS);
                        return work.with(mine);
                    }
                });
            }
            var results = new ArrayList<T>();
            for (Future<T> future : pool.invokeAll(tasks)) {
                results.add(future.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }
}
