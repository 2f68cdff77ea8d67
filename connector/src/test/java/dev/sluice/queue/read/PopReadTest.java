package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The cost of reading the messages of a pop. */
class PopReadTest {
    private static final int MESSAGES = 3_000;
    private static final int PAYLOAD_BYTES = 7_000;
    private static final long MAX_BYTES = 1_000_000;

    @Test
    void sortsNoPayloadsHoweverLongTheRunIs() throws SQLException {
        try (TestPostgres postgres = TestPostgres.withSchema();
                var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            postgres.execute("alter table sluice.segments alter column payloads set storage external");
            String payload = "\"" + "x".repeat(PAYLOAD_BYTES) + "\"";
            for (int from = 0; from < MESSAGES; from += 500) {
                var messages = new ArrayList<NewMessage>();
                for (int i = from; i < from + 500; i++) {
                    messages.add(message("q", "p", "t" + i, payload));
                }
                writer.write(messages, List.of());
            }
            postgres.execute("vacuum analyze");
            String plan = plan(postgres);
            assertThat(plan)
                    .contains("Sort Method: quicksort")
                    .doesNotContain("external", "Seq Scan on segments", "Hash", "Merge");
        }
    }

    private static String plan(TestPostgres postgres) throws SQLException {
        Statements.Sql read = Statements.read("message_slice.sql", "sluice").get("read");
        var explain = new Statements.Sql("explain (analyze) " + read.text(), read.parameters());
        try (Connection connection = postgres.dataSource().getConnection()) {
            List<String> plan = new BoundStatement(connection, explain)
                    .set("partitions", new long[] {1})
                    .set("firsts", new long[] {1})
                    .set("lasts", new long[] {MESSAGES})
                    .set("max_bytes", MAX_BYTES)
                    .set("large_bytes", Message.LARGE_BYTES)
                    .list(row -> row.getString(1));
            return String.join("\n", plan);
        }
    }
}
