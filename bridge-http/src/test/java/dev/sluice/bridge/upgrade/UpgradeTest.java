package dev.sluice.bridge.upgrade;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.QueueSchema;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The database and the logs of each earlier version, opened by this one. */
class UpgradeTest {
    @TempDir
    private Path directory;

    static List<UpgradeFixture> fixtures() {
        return UpgradeFixture.all();
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void theMigrationsChangeNoValueOfAnyColumnThatTheOldVersionHas(UpgradeFixture fixture) throws Exception {
        try (TestPostgres postgres = fixture.restore()) {
            QueueSchema.apply(postgres.dataSource(), "sluice");
            assertThat(QueueSchema.installed(postgres.dataSource(), "sluice")).isEqualTo(QueueSchema.version());
            SchemaRows old = fixture.schema();
            try (Connection connection = postgres.dataSource().getConnection()) {
                for (Map.Entry<String, SchemaRows.Table> table : old.tables().entrySet()) {
                    String columns = table.getValue().columns();
                    assertThat(SchemaRows.rows(connection, table.getKey(), columns))
                            .as(table.getKey())
                            .isEqualTo(table.getValue().rows());
                }
                assertThat(SchemaRows.read(connection).sequences()).containsAll(old.sequences());
            }
        }
    }

    /**
     * Every message has the same bytes, ids, times and order; none is lost or doubled. Groups, leases, dead letters,
     * traces and state are the same. Scheduled and parked messages are released, dead letters redriven and failed
     * records retried.
     */
    @ParameterizedTest
    @MethodSource("fixtures")
    void showsAndMovesAllThatTheOldVersionShowsAndMoves(UpgradeFixture fixture) throws Exception {
        try (TestPostgres postgres = fixture.restore()) {
            assertSeesTheSame(postgres, fixture);
        }
    }

    /** A bridge or worker that started before the upgrade names the columns that it knows in what it writes. */
    @ParameterizedTest
    @MethodSource("fixtures")
    void showsAndMovesAllThatTheOldVersionWritesBesideTheNewSchema(UpgradeFixture fixture) throws Exception {
        try (TestPostgres postgres = fixture.restoreIntoPresentSchema()) {
            assertSeesTheSame(postgres, fixture);
        }
    }

    private void assertSeesTheSame(TestPostgres postgres, UpgradeFixture fixture) throws Exception {
        List<String> lines =
                Observation.of(postgres, fixture.data("crashed", directory), fixture.data("clean", directory));
        List<String> old = fixture.observed();
        assertThat(without(old, lines)).as("lost or changed").isEmpty();
        assertThat(without(lines, old)).as("doubled or changed").isEmpty();
        assertThat(String.join("\n", lines)).as("in the same order").isEqualTo(String.join("\n", old));
    }

    private static List<String> without(List<String> lines, List<String> others) {
        var left = new ArrayList<>(lines);
        others.forEach(left::remove);
        return left;
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void aLogWithMessagesOfBothVersionsIsDrainedInOrder(UpgradeFixture fixture) throws Exception {
        Path data = fixture.data("crashed", directory);
        String crashed = "select transaction_id from sluice.messages where queue = 'orders' and partition = 'crashed'"
                + " order by seq";
        try (TestPostgres postgres = fixture.restore()) {
            var expected = new ArrayList<String>();
            try (var bridge = FixtureBridge.start(postgres.url(), data)) {
                for (int i = 0; i < 5; i++) {
                    String item = "{'queue':'orders','partition':'crashed','transactionId':'new-" + i + "'}";
                    assertThat(bridge.post("/api/v1/push", "{'items':[" + item + "]}")
                                    .toString())
                            .contains("buffered");
                    expected.add("new-" + i);
                }
            }
            assertThat(postgres.query(crashed)).isEmpty();
            try (var bridge = FixtureBridge.start(postgres.url(), data)) {
                bridge.hold(false);
                bridge.awaitDrained();
            }
            List<String> drained = postgres.query(crashed);
            assertThat(drained)
                    .doesNotHaveDuplicates()
                    .hasSize(150 + expected.size())
                    .endsWith(expected.toArray(String[]::new));
            List<String> old = fixture.observed().stream()
                    .filter(line -> line.startsWith("message orders|crashed "))
                    .toList();
            for (int i = 0; i < old.size(); i++) {
                assertThat(old.get(i)).contains("\"transactionId\":\"" + drained.get(i) + "\"");
            }
        }
    }
}
