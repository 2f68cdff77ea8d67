package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The server plans the statements of pops and acknowledgements once for a connection. */
class PlannedOnceTest extends QueueFixture {
    /** More than the executions that the server plans before it decides. */
    private static final int ROUNDS = 20;

    @AutoClose
    final HikariDataSource oneConnection = new HikariDataSource();

    @BeforeEach
    void useOneConnection() {
        oneConnection.setJdbcUrl(postgres.url());
        oneConnection.setUsername("postgres");
        oneConnection.setMaximumPoolSize(1);
        queue = new Queue(oneConnection, new QueueConfig("sluice"));
        var messages = new ArrayList<NewMessage>();
        for (int i = 0; i < ROUNDS; i++) {
            messages.add(message("q", "p", "t" + i, "1"));
        }
        writer.write(messages, List.of());
    }

    @Test
    void popsOfAQueueAndAcknowledgementsAreNotPlannedForTheirValues() throws SQLException {
        popAndComplete(ANY);

        assertThat(prepared("custom_plans > 0 and query like '%sluice.%'")).isEmpty();
        assertThat(prepared("generic_plans >= " + ROUNDS / 2)).isNotEmpty();
    }

    @Test
    void popsOfANamespaceArePlannedForTheirValues() throws SQLException {
        postgres.execute("update sluice.queues set namespace = 'n'");

        popAndComplete(new PopTarget(new Across("n", null), PopTarget.DEFAULT_GROUP));

        assertThat(prepared("generic_plans > 0 and query like '%q.namespace =%'"))
                .isEmpty();
    }

    /** Lists and overviews run on the same connections. They need plans for their values, and joins by hash tables. */
    @Test
    void aPoolThatOthersUseKeepsItsSettings() throws SQLException {
        List<String> before = settings();
        queue = Queue.onSharedPool(oneConnection, new QueueConfig("sluice"));

        popAndComplete(ANY);

        assertThat(settings()).isEqualTo(before);
        queue = new Queue(oneConnection, new QueueConfig("sluice"));
        pop(ANY, 1);
        assertThat(settings()).isNotEqualTo(before);
    }

    private List<String> settings() throws SQLException {
        return query("select name || '=' || setting as query from pg_settings"
                + " where name like 'enable%' or name = 'plan_cache_mode' order by name");
    }

    private void popAndComplete(PopTarget target) {
        for (int i = 0; i < ROUNDS; i++) {
            PopResult popped = pop(target, 1);
            assertThat(popped.messages()).hasSize(1);
            complete(popped);
        }
    }

    /** Returns the prepared statements of the connection that meet a condition. */
    private List<String> prepared(String condition) throws SQLException {
        return query("select query from (select statement as query, generic_plans, custom_plans"
                + " from pg_prepared_statements) prepared where " + condition);
    }

    private List<String> query(String sql) throws SQLException {
        var found = new ArrayList<String>();
        try (Connection connection = oneConnection.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                found.add(rows.getString("query"));
            }
        }
        return found;
    }
}
