package dev.sluice.queue.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.IndexPlans;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The time of cursor updates grows with their number only, whatever the server's statistics say. */
class CursorUpdatesTest {
    private static final int CURSORS = 2_000;

    /** A writer's connection allows nested loops only, and a generic plan expects short lists. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theQuietPartitionsAreNotComparedPairByPair(boolean byIndex) throws SQLException {
        try (TestPostgres postgres = TestPostgres.withSchema();
                Connection connection = postgres.dataSource().getConnection()) {
            if (byIndex) {
                IndexPlans.on(connection);
            }
            Statements.Sql release =
                    Statements.read("locked_cursors.sql", "sluice").get("release");
            var ids = new long[CURSORS];
            var texts = new String[CURSORS];
            var counts = Collections.nCopies(CURSORS, 0);
            for (int i = 0; i < CURSORS; i++) {
                ids[i] = i + 1;
                texts[i] = "{}";
            }
            List<String> plan = new BoundStatement(
                            connection, new Statements.Sql("explain verbose " + release.text(), release.parameters()))
                    .set("groups", ids)
                    .set("partitions", ids)
                    .set("positions", ids)
                    .set("acked", texts)
                    .set("failed_seqs", texts)
                    .set("failed_counts", texts)
                    .setInts("deliveries", counts, count -> count)
                    .set("delays_ms", ids)
                    .list(row -> row.getString(1));
            assertThat(String.join("\n", plan)).contains("hashed SubPlan");
        }
    }
}
