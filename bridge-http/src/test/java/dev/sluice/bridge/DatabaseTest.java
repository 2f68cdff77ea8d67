package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** The pools of the service. */
class DatabaseTest {
    private static String shown(DataSource pool, String setting) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show " + setting)) {
            row.next();
            return row.getString(1);
        }
    }

    /** The server would compile each for longer than it takes to run. */
    @Test
    void haveNoStatementCompiled() throws SQLException {
        try (TestPostgres postgres = TestPostgres.empty()) {
            var address = new Database.Address(postgres.url() + "?options=-c%20jit=on", "postgres", null);
            try (var database = new Database(address, 1, Duration.ofSeconds(7), 1, 1, 1)) {
                for (DataSource pool : List.of(database.consumers(), database.administration(), database.writers())) {
                    assertThat(shown(pool, "jit")).isEqualTo("off");
                }
                assertThat(shown(database.consumers(), "statement_timeout")).isEqualTo("7s");
            }
        }
    }
}
