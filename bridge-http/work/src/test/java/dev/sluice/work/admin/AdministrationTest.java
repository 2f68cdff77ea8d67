package dev.sluice.work.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Work;
import dev.sluice.work.WorkAdmin;
import dev.sluice.work.WorkAdmin.SearchTooLongException;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.util.ArrayList;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A look-up has a bound, and never says that a work does not exist that it has not looked for. */
class AdministrationTest {
    private static final int MOST_SEGMENTS = 3;

    @Test
    void aSearchThatWouldReadTooManySegmentsSaysSoInsteadOfFindingNothing() throws Exception {
        try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();
                WorkBuffer work = WorkBuffer.builder(postgres.dataSource()).start()) {
            var ids = new ArrayList<WorkId>();
            for (int i = 0; i <= MOST_SEGMENTS + 1; i++) {
                ids.add(work.enqueue(Work.of("type", "1").key("many")).id());
            }
            WorkId alone = work.enqueue(Work.of("type", "1").key("one")).id();
            WorkAdmin admin = new Administration(
                    postgres.dataSource(),
                    "sluice",
                    PayloadCipher.NONE,
                    new Administration.Here(Map.of(), Map::of, type -> 0, queue -> {}),
                    MOST_SEGMENTS);
            for (WorkId id : ids) {
                assertThat(admin.find(null, null, id))
                        .as("by the time in its id")
                        .isPresent();
            }
            postgres.execute("update sluice.segments set created_at = created_at + interval '1 day'");
            assertThatThrownBy(() -> admin.find("type", null, new WorkId(UUID.randomUUID())))
                    .isInstanceOf(SearchTooLongException.class)
                    .hasMessageContaining("the " + MOST_SEGMENTS + " segments that a search reads");
            assertThatThrownBy(() -> admin.find("type", "many", ids.get(0))).isInstanceOf(SearchTooLongException.class);
            assertThat(admin.find("type", "one", alone)).isPresent();
            assertThat(admin.find("type", "one", new WorkId(UUID.randomUUID())))
                    .as("everything was read")
                    .isEmpty();
        }
    }
}
