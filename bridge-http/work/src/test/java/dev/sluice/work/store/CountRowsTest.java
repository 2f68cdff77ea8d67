package dev.sluice.work.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.work.store.CountRows.Done;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What engines have done is the sum of what each has stored. */
class CountRowsTest {
    private static final UUID ENGINE = UUID.randomUUID();

    private final CountRows rows = new CountRows("sluice", "work");

    private void add(Transactions transactions, UUID engine, Done... done) {
        transactions.run("add", connection -> {
            rows.add(connection, engine, List.of(done));
            return true;
        });
    }

    @Test
    void severalStoresOfOneMinuteAndOfSeveralEnginesAddUp() {
        try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
            var transactions = Transactions.byIndex(postgres.dataSource());
            add(transactions, ENGINE, new Done(1, 5, 1, 0, 6, 600, Map.of(3, 4L, 7, 2L)));
            add(transactions, ENGINE, new Done(1, 2, 0, 1, 2, 50, Map.of(7, 1L, 9, 1L)), none(2));
            add(transactions, UUID.randomUUID(), new Done(1, 10, 0, 0, 1, 7, Map.of(3, 1L)));
            assertThat(done(transactions, Duration.ofHours(1)).get(1L))
                    .isEqualTo(new Done(1, 17, 1, 1, 9, 657, Map.of(3, 5L, 7, 3L, 9, 1L)));
            assertThat(done(transactions, Duration.ofHours(1)).get(2L)).isEqualTo(none(2));
            assertThat(done(transactions, Duration.ofHours(1))).doesNotContainKey(3L);
            postgres.execute("update sluice.work_minutes set bucket = now() - interval '26 hours'");
            assertThat(done(transactions, Duration.ofDays(1))).isEmpty();
            int deleted = transactions.run("delete", connection -> rows.deleteOld(connection, 100));
            assertThat(deleted).isPositive();
            assertThat(postgres.query("select count(*) from sluice.work_minutes"))
                    .containsExactly("0");
        }
    }

    private static Done none(long queue) {
        return new Done(queue, 0, 0, 0, 0, 0, Map.of());
    }

    private Map<Long, Done> done(Transactions transactions, Duration window) {
        return transactions.run("read", connection -> rows.done(connection, List.of(1L, 2L, 3L), window));
    }
}
