package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WakeUpsTest {
    private final Set<String> heardByA = new ConcurrentSkipListSet<>();
    private final Set<String> heardByB = new ConcurrentSkipListSet<>();
    private TestPostgres postgres;
    private WakeUps a;
    private WakeUps b;

    @BeforeEach
    void open() {
        postgres = TestPostgres.empty();
        a = new WakeUps(postgres.dataSource(), "sluice", heardByA::add);
        b = new WakeUps(postgres.dataSource(), "sluice", heardByB::add);
        a.start();
        b.start();
        awaitListeners(2);
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        postgres.close();
    }

    private void awaitListeners(int count) {
        await().until(() -> postgres.query(
                        "select count(*) from pg_stat_activity where query like 'listen %' and datname = current_database()")
                .equals(List.of(String.valueOf(count))));
    }

    @Test
    void reachTheOthersAndNotOneself() {
        a.tell(List.of("orders", "Ünicode \" 'quoted'"));
        await().until(() -> heardByB.size() == 2);
        assertThat(heardByB).containsExactlyInAnyOrder("orders", "Ünicode \" 'quoted'");
        assertThat(heardByA).isEmpty();
    }

    @Test
    void ofManyLongNamesGoOutInSeveralPieces() {
        var names = new ArrayList<String>();
        for (int i = 0; i < 100; i++) {
            names.add("漢".repeat(250) + i);
        }
        a.tell(names);
        await().until(() -> heardByB.size() == 100);
    }

    @Test
    void comeAgainAfterTheConnectionBroke() {
        postgres.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %' and datname = current_database()");
        await().until(() -> {
            b.tell(List.of("later"));
            return heardByA.contains("later");
        });
    }
}
