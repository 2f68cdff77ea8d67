package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import org.junit.jupiter.api.Test;

/**
 * The oldest PostgreSQL that the queue supports: its tables, nearly all of its statements, and the queries of the
 * documentation. A command in {@code CONTRIBUTING.md} runs the whole suite on it.
 */
class OldestPostgresTest extends RestrictedRoleTest {
    @Override
    TestPostgres emptyDatabase() {
        return TestPostgres.emptyOnOldest();
    }

    @Test
    void isTheVersionThatIsPromised() {
        try (TestPostgres postgres = TestPostgres.emptyOnOldest()) {
            assertThat(postgres.query("show server_version").get(0)).startsWith("14.");
            QueueSchema.apply(postgres.dataSource(), "sluice");
            assertThat(postgres.query("select attcompression::text from pg_attribute"
                            + " where attrelid = 'sluice.segments'::regclass and attname = 'payloads'"))
                    .first()
                    .isIn("l", "");
        }
    }
}
