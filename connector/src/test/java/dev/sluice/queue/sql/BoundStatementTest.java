package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.Statements.Sql;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class BoundStatementTest {
    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private Connection connection;
    private final List<PreparedStatement> prepared = new ArrayList<>();

    private record Element(long id, String name, UUID uuid) {}

    private static final List<Element> ELEMENTS =
            List.of(new Element(3, "c", new UUID(0, 3)), new Element(1, "a", new UUID(0, 1)));

    @BeforeEach
    void open() throws SQLException {
        connection = postgres.dataSource().getConnection();
    }

    @AfterEach
    void close() throws SQLException {
        connection.close();
    }

    /** Prepares a statement on a connection that notes the statements it gives out. */
    private BoundStatement statement(String sql) throws SQLException {
        var noting = (Connection) Proxy.newProxyInstance(
                Connection.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    Object result = method.invoke(connection, arguments);
                    if (result instanceof PreparedStatement made) {
                        prepared.add(made);
                    }
                    return result;
                });
        return new BoundStatement(noting, Sql.parse(sql));
    }

    private void assertClosed() throws SQLException {
        assertThat(prepared).isNotEmpty();
        for (PreparedStatement each : prepared) {
            assertThat(each.isClosed()).isTrue();
        }
    }

    @Test
    void listMapsEachRowInOrderAndCloses() throws SQLException {
        assertThat(statement("select i from generate_series(1, :n ) i order by i")
                        .set("n", 3)
                        .list(row -> row.getInt("i")))
                .containsExactly(1, 2, 3);
        assertClosed();
    }

    @Test
    void listOfNoRowsIsEmpty() throws SQLException {
        assertThat(statement("select 1 where false").list(row -> row.getInt(1))).isEmpty();
    }

    @Test
    void firstMapsTheFirstRowOnlyAndCloses() throws SQLException {
        var mapped = new ArrayList<Integer>();
        assertThat(statement("select i from generate_series(7, 9) i order by i").first(row -> {
                    mapped.add(row.getInt("i"));
                    return row.getInt("i");
                }))
                .hasValue(7);
        assertThat(mapped).containsExactly(7);
        assertClosed();
    }

    @Test
    void firstOfNoRowsIsEmpty() throws SQLException {
        assertThat(statement("select 1 where false").first(row -> row.getInt(1)))
                .isEmpty();
        assertClosed();
    }

    @Test
    void forEachReadsEachRowInOrderAndCloses() throws SQLException {
        var read = new ArrayList<Integer>();
        statement("select i from generate_series(1, 3) i order by i").forEach(row -> read.add(row.getInt("i")));
        assertThat(read).containsExactly(1, 2, 3);
        assertClosed();
    }

    @Test
    void executeReturnsHowManyRowsChangedAndCloses() throws SQLException {
        postgres.execute("create table if not exists changed (id integer)");
        assertThat(statement("insert into changed select generate_series(1, 3)").execute())
                .isEqualTo(3);
        assertClosed();
    }

    @Test
    void closesWhenTheServerRefusesTheStatement() throws SQLException {
        assertThatThrownBy(() -> statement("select 1 / :zero ").set("zero", 0).list(row -> row.getInt(1)))
                .isInstanceOf(SQLException.class);
        assertClosed();
    }

    @Test
    void closesWhenTheMapperFails() throws SQLException {
        assertThatThrownBy(() -> statement("select 1").list(row -> row.getInt("no_such_column")))
                .isInstanceOf(SQLException.class);
        assertClosed();
    }

    @Test
    void bindsArraysByGetterInTheOrderOfTheElements() throws SQLException {
        assertThat(statement("select id || name || right(uuid::text, 1) || half || odd as row"
                                + " from unnest( :ids ::bigint[], :names ::text[], :uuids ::uuid[], :halves ::integer[],"
                                + " :odd ::boolean[]) as wanted (id, name, uuid, half, odd)")
                        .set("ids", ELEMENTS, Element::id)
                        .setTexts("names", ELEMENTS, Element::name)
                        .setUuids("uuids", ELEMENTS, Element::uuid)
                        .setInts("halves", ELEMENTS, element -> (int) element.id() / 2)
                        .setBooleans("odd", ELEMENTS, element -> element.id() % 2 == 1)
                        .list(row -> row.getString("row")))
                .containsExactly("3c31true", "1a10true");
    }

    @Test
    void bindsNullsInArrays() throws SQLException {
        assertThat(statement("select array_position( :names ::text[], null) || '|' || array_position( :uuids ::uuid[],"
                                + " null) as row")
                        .setTexts("names", ELEMENTS, element -> element.id() == 1 ? null : element.name())
                        .setUuids("uuids", ELEMENTS, element -> element.id() == 1 ? null : element.uuid())
                        .first(row -> row.getString("row")))
                .hasValue("2|2");
    }

    @Test
    void bindsEmptyArrays() throws SQLException {
        assertThat(statement("select cardinality( :ids ::bigint[]) + cardinality( :names ::text[])")
                        .set("ids", List.<Element>of(), Element::id)
                        .setTexts("names", List.<Element>of(), Element::name)
                        .first(row -> row.getInt(1)))
                .hasValue(0);
    }

    @Test
    void bindsANameWhereverItStands() throws SQLException {
        assertThat(statement("select :word ::text || :word ::text")
                        .set("word", "ab")
                        .first(row -> row.getString(1)))
                .hasValue("abab");
    }

    @Test
    void refusesANameThatTheStatementDoesNotHave() throws SQLException {
        try (BoundStatement statement = statement("select :word ::text")) {
            assertThatThrownBy(() -> statement.set("world", "ab"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("no parameter :world");
        }
    }
}
