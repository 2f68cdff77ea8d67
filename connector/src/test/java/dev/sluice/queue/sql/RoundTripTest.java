package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.AnswerCounter;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.RoundTrip.Part;
import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RoundTripTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private final List<String> read = new ArrayList<>();
    private final RoundTrip trip = new RoundTrip();
    private AnswerCounter counter;
    private Connection connection;

    @BeforeEach
    void open() throws SQLException {
        postgres.execute("create table numbers (n bigint primary key)");
        counter = new AnswerCounter(postgres.url());
        connection = DriverManager.getConnection(counter.url() + "&user=postgres");
        counter.take();
    }

    @AfterEach
    void close() throws SQLException {
        connection.close();
        counter.close();
    }

    private static Part add(String parameter, long number) {
        return Part.change(
                Sql.parse("insert into numbers values ( :" + parameter + " )"), bound -> bound.set(parameter, number));
    }

    private Part count(String name) {
        return Part.query(
                Sql.parse("select count(*) from numbers"), bound -> {}, row -> read.add(name + row.getInt(1)));
    }

    @Test
    void manyStatementsTakeOneRoundTripHoweverOftenTheyRun() throws SQLException {
        for (int i = 1; i <= 10; i++) {
            trip.run(connection, List.of(add("a", i), add("b", -i), count("n")));
            assertThat(counter.take()).isEqualTo(1);
        }
        assertThat(read).endsWith("n20");
    }

    @Test
    void eachStatementSeesWhatTheStatementsBeforeItChanged() throws SQLException {
        trip.run(connection, List.of(count("none"), add("a", 1), count("one"), add("b", 2), count("two")));
        assertThat(read).containsExactly("none0", "one1", "two2");
    }

    @Test
    void nothingRunsAfterAFailure() throws SQLException {
        connection.setAutoCommit(false);
        assertThatThrownBy(() -> trip.run(connection, List.of(add("a", 1), add("b", 1), count("n"), add("c", 2))))
                .isInstanceOf(SQLException.class)
                .hasMessageContaining("numbers_pkey");
        assertThat(read).isEmpty();
        connection.rollback();
        assertThat(postgres.query("select count(*) from numbers")).containsExactly("0");
    }

    @Test
    void statementsThatHaveAParameterOfTheSameNameGetTheSameValue() throws SQLException {
        Part doubled = Part.query(Sql.parse("select 2 * :a ::int"), bound -> {}, row -> read.add(row.getString(1)));
        trip.run(connection, List.of(add("a", 21), doubled));
        assertThat(read).containsExactly("42");
    }
}
