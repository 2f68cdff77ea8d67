package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * The statements of each earlier version, on the schema of this version: what a bridge or worker runs that started
 * before the schema was upgraded.
 */
class OldStatementsTest {
    private static final Path FIXTURES = Path.of("../bridge-http/src/test/resources/upgrade");
    private static final Pattern STATEMENT = Pattern.compile("(?ms)^-- name: (\\S+)$(.*?)(?=^-- name: |\\z)");

    private static final String COLUMN = "column ";

    /** States of statements whose parameters have a type only when the program binds them. */
    private static final Set<String> UNKNOWN_TYPES = Set.of("42P18", "42804");

    static List<Path> versions() throws IOException {
        try (Stream<Path> directories = Files.list(FIXTURES)) {
            return directories.filter(Files::isDirectory).sorted().toList();
        }
    }

    /** Returns all statements, by file and name, with tables where a name of a table varies. */
    private static Map<String, String> statements(Path version) throws IOException {
        var statements = new TreeMap<String, String>();
        try (Stream<Path> files = Files.list(version.resolve("sql"))) {
            for (Path file : files.toList()) {
                for (MatchResult found :
                        STATEMENT.matcher(Files.readString(file)).results().toList()) {
                    String sql = found.group(2).replaceAll("(?m)^--.*$", "");
                    statements.put(
                            file.getFileName() + " " + found.group(1),
                            sql.replace("{table}", "queues")
                                    .replace("{columns}", "name")
                                    .replace("{channel}", "a_channel")
                                    .replace("{sequence}", "sluice.queues_id_seq")
                                    .replace("{schema}", "sluice"));
                }
            }
        }
        statements.values().removeIf(sql -> sql.contains("pg_buffercache")); // Needs an extension.
        return statements;
    }

    /** A statement that returns all columns of a table returns new ones, too. The program reads columns by name. */
    @ParameterizedTest
    @MethodSource("versions")
    void takeAndReturnWhatTheyDoOnTheirOwnSchema(Path version) throws Exception {
        Map<String, String> statements = statements(version);
        assertThat(statements).hasSizeGreaterThan(150);
        try (TestPostgres own = TestPostgres.empty();
                TestPostgres present = TestPostgres.withSchema()) {
            OldSchema.apply(own.dataSource(), version.resolve("migrations"));
            Map<String, List<String>> then = described(own, statements);
            Map<String, List<String>> now = described(present, statements);
            assertThat(now.keySet()).isEqualTo(then.keySet());
            now.forEach((name, described) -> assertThat(described)
                    .as(name)
                    .containsSubsequence(then.get(name))
                    .filteredOn(each -> !then.get(name).contains(each))
                    .allMatch(added -> added.startsWith(COLUMN)));
        }
    }

    private static Map<String, List<String>> described(TestPostgres postgres, Map<String, String> statements)
            throws SQLException {
        var described = new TreeMap<String, List<String>>();
        try (Connection connection = postgres.dataSource().getConnection()) {
            for (Map.Entry<String, String> each : statements.entrySet()) {
                described.put(
                        each.getKey(),
                        described(
                                connection,
                                Statements.Sql.parse(each.getValue()).text()));
            }
        }
        return described;
    }

    /** Has the server parse a statement. Throws if it names something that is not there. */
    private static List<String> described(Connection connection, String sql) throws SQLException {
        var text = new ArrayList<String>();
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            ParameterMetaData parameters = statement.getParameterMetaData();
            for (int i = 1; i <= parameters.getParameterCount(); i++) {
                text.add(parameters.getParameterTypeName(i));
            }
            ResultSetMetaData row = statement.getMetaData();
            for (int i = 1; row != null && i <= row.getColumnCount(); i++) {
                text.add(COLUMN + row.getColumnName(i) + " " + row.getColumnTypeName(i));
            }
        } catch (SQLException e) {
            if (!UNKNOWN_TYPES.contains(e.getSQLState())) {
                throw new SQLException(sql, e.getSQLState(), e);
            }
            text.add(e.getMessage()); // All names have been found.
        }
        return text;
    }

    /** The server looks at the columns of a COPY only when it runs. */
    @ParameterizedTest
    @MethodSource("versions")
    void copyIntoTheColumnsThatTheyKnow(Path version) throws Exception {
        int copies = 0;
        try (TestPostgres present = TestPostgres.withSchema();
                Connection connection = present.dataSource().getConnection()) {
            for (String sql : statements(version).values()) {
                if (sql.contains("from stdin")) {
                    byte[] nothing = binary();
                    CopyIn copy = connection
                            .unwrap(PGConnection.class)
                            .getCopyAPI()
                            .copyIn(Statements.Sql.parse(sql).text());
                    copy.writeToCopy(nothing, 0, nothing.length);
                    assertThat(copy.endCopy()).isZero();
                    copies++;
                }
            }
        }
        assertThat(copies).isGreaterThanOrEqualTo(2);
    }

    /** Returns a binary COPY without rows. */
    private static byte[] binary() throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        out.write("PGCOPY\n\u00ff\r\n\0".getBytes(StandardCharsets.ISO_8859_1));
        out.writeInt(0);
        out.writeInt(0);
        out.writeShort(-1);
        return bytes.toByteArray();
    }
}
