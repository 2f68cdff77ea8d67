package dev.sluice.queue.read;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Arrays in the binary form of the server. */
class ArrayBytesTest {
    private static final TestPostgres POSTGRES = TestPostgres.empty();

    @AfterAll
    static void close() {
        POSTGRES.close();
    }

    /** The driver gets bytes as a text until it has prepared the statement in the server. */
    @ParameterizedTest
    @ValueSource(ints = {1, 20})
    void areTheSameWhetherTheDriverGetsTextOrBytes(int executions) throws SQLException {
        String sql = "select array_send(array['a', null, '', 'ü\"\\{}', repeat('x', 70000)])";
        ArrayBytes array = read(sql, executions);

        assertThat(array.size()).isEqualTo(5);
        assertThat(array.text(0)).isEqualTo("a");
        assertThat(array.text(1)).isNull();
        assertThat(array.bytes(1)).isNull();
        assertThat(array.bytes(2)).isEmpty();
        assertThat(array.bytes(3)).isEqualTo("ü\"\\{}".getBytes(UTF_8));
        assertThat(array.text(4)).isEqualTo("x".repeat(70_000));
    }

    @Test
    void haveUuids() throws SQLException {
        var id = UUID.randomUUID();
        ArrayBytes array = read("select array_send(array[null, '" + id + "']::uuid[])", 1);

        assertThat(array.uuid(0)).isNull();
        assertThat(array.uuid(1)).isEqualTo(id);
    }

    @Test
    void haveTimesBeforeAndAfterTheYear2000ToTheMicrosecond() throws SQLException {
        ArrayBytes array = read(
                "select array_send(array['1969-07-20T20:17:40.000001Z', null,"
                        + " '2031-01-02T03:04:05.999999Z']::timestamptz[])",
                1);

        assertThat(array.time(0)).isEqualTo(Instant.parse("1969-07-20T20:17:40.000001Z"));
        assertThat(array.time(1)).isNull();
        assertThat(array.time(2)).isEqualTo(Instant.parse("2031-01-02T03:04:05.999999Z"));
    }

    @Test
    void mayBeEmptyOrSlices() throws SQLException {
        assertThat(read("select array_send('{}'::text[])", 1).size()).isZero();
        ArrayBytes slice = read("select array_send((array['a', 'b', 'c'])[2:3])", 1);
        assertThat(slice.size()).isEqualTo(2);
        assertThat(slice.text(1)).isEqualTo("c");
    }

    @Test
    void ofTwoDimensionsOrWithOtherBytesBehindThemAreRefused() throws SQLException {
        assertThatThrownBy(() -> read("select array_send(array[[1], [2]])", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 dimensions");
        assertThatThrownBy(() -> read("select array_send(array[1]) || '\\x00'", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ends at byte");
    }

    private static ArrayBytes read(String sql, int executions) throws SQLException {
        try (Connection connection = POSTGRES.dataSource().getConnection();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 1; i < executions; i++) {
                statement.executeQuery().close();
            }
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new ArrayBytes(row.getBytes(1));
            }
        }
    }
}
