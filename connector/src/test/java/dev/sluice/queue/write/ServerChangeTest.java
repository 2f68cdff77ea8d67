package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.StoppablePostgres;
import dev.sluice.queue.sql.QueueSchema;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

/** A writer whose connection leads to another server: a failover may have lost the last commits. */
class ServerChangeTest {
    @Test
    void aWriterDropsItsCacheIfTheServerChanged(@TempDir Path directory) throws Exception {
        StoppablePostgres postgres = StoppablePostgres.start(directory.resolve("postgres"));
        try {
            var dataSource = new PGSimpleDataSource();
            dataSource.setUrl(postgres.url());
            dataSource.setUser("postgres");
            QueueSchema.apply(dataSource, "sluice");
            try (var writer = new QueueWriter(dataSource, QueueWriterConfig.DEFAULTS)) {
                writer.write(run(1, 3), List.of());
                writer.write(List.of(message("other", "t1")), List.of());
                // As a server that has lost these partitions and has given out their ids again.
                for (String change : List.of(
                        "'between' where name = 'p'", "'p' where name = 'other'", "'other' where name = 'between'")) {
                    postgres.execute("update sluice.partitions set name = " + change);
                }
                postgres.kill();
                postgres.restart();
                assertThatThrownBy(() -> writer.write(run(4, 4), List.of())).isInstanceOf(QueueException.class);

                assertThat(writer.write(run(1, 2), List.of()))
                        .extracting(outcome -> outcome instanceof Duplicate)
                        .containsExactly(true, false);
                assertThat(writer.write(List.of(message("other", "t3"), message("other", "t4")), List.of()))
                        .extracting(outcome -> outcome instanceof Queued)
                        .containsExactly(false, true);
                assertThat(
                                postgres.query(
                                        "select string_agg(transaction_id, ',' order by seq) from sluice.messages where partition = 'p'"))
                        .containsExactly("t1,t2");
            }
        } finally {
            postgres.stop();
        }
    }
}
