package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A statement does not run on in the server after the client has stopped waiting for it. */
class GivenUpStatementsTest {
    private static final Statements.Sql LONG = Statements.Sql.parse("select pg_sleep(600)");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private Connection connection(String socketTimeoutSeconds) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", "postgres");
        properties.setProperty("socketTimeout", socketTimeoutSeconds);
        Connection connection = DriverManager.getConnection(postgres.url(), properties);
        SessionSettings.begin(connection, Duration.ZERO);
        return connection;
    }

    private void awaitEnd() {
        await().until(() -> postgres.query("select count(*) from pg_stat_activity where query like '%pg_sleep%'"
                        + " and state = 'active' and pid <> pg_backend_pid() and datname = current_database()")
                .equals(List.of("0")));
    }

    @Test
    void aSlowStatementIsCancelledBeforeTheConnectionTimesOut() throws SQLException {
        try (Connection connection = connection("3")) {
            assertThatThrownBy(() -> {
                        try (var statement = new BoundStatement(connection, LONG)) {
                            statement.query();
                        }
                    })
                    .isInstanceOfSatisfying(
                            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("57014"));
            awaitEnd();
            assertThat(connection.isValid(1)).isTrue();
        }
    }

    @Test
    void aStatementOfAClosedConnectionEndsInTheServer() throws SQLException {
        try (Connection connection = connection("1");
                var statement = connection.createStatement()) {
            assertThatThrownBy(() -> statement.execute(LONG.text())).isInstanceOf(SQLException.class);
            awaitEnd();
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "-1, 0", "1000, 1", "2000, 1", "3000, 2", "10000, 9", "30000, 27", "60000, 54"})
    void theTimeoutOfAStatementIsShorterThanThatOfTheConnection(int network, int statement) {
        assertThat(BoundStatement.answerSeconds(network)).isEqualTo(statement);
    }
}
