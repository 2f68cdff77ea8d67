package dev.sluice.bridge.upgrade;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.postgresql.PGConnection;

/**
 * The rows of the schema {@code sluice} as text, and the values of its sequences. The rows of a table are in the text
 * format of COPY, sorted, so the same content is the same text.
 *
 * @param tables the tables by name, without {@code migrations}
 * @param sequences for each identity column, {@code table column last called}
 */
record SchemaRows(Map<String, Table> tables, List<String> sequences) {
    private static final String END = "\\.";
    private static final String TABLE = "table ";

    /**
     * A table.
     *
     * @param columns its columns that are not computed, separated by commas
     * @param rows one line for each row
     */
    record Table(String columns, List<String> rows) {}

    /** Reads all tables in one snapshot. */
    static SchemaRows read(Connection connection) throws SQLException, IOException {
        connection.setAutoCommit(false);
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        try {
            var tables = new LinkedHashMap<String, Table>();
            for (String row : query(connection, """
                    select c.relname || ' ' || string_agg(quote_ident(a.attname), ',' order by a.attnum)
                    from pg_class c join pg_attribute a on a.attrelid = c.oid
                    where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'r' and c.relname <> 'migrations'
                      and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                    group by c.relname order by c.relname
                    """)) {
                String[] parts = row.split(" ", 2);
                tables.put(parts[0], new Table(parts[1], rows(connection, parts[0], parts[1])));
            }
            return new SchemaRows(tables, sequences(connection));
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    /** Reads these columns of a table. */
    static List<String> rows(Connection connection, String table, String columns) throws SQLException, IOException {
        execute(connection, "set timezone = 'UTC'");
        var text = new ByteArrayOutputStream();
        connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyOut("copy (select " + columns + " from sluice." + table + ") to stdout", text);
        return text.toString(UTF_8).lines().sorted().toList();
    }

    private static List<String> sequences(Connection connection) throws SQLException {
        var sequences = new ArrayList<String>();
        for (String row : query(connection, """
                select c.relname || ' ' || a.attname || ' ' ||
                       pg_get_serial_sequence('sluice.' || quote_ident(c.relname), a.attname)
                from pg_class c join pg_attribute a on a.attrelid = c.oid
                where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'r' and a.attidentity <> ''
                order by c.relname
                """)) {
            String[] parts = row.split(" ", -1);
            sequences.add(parts[0] + " " + parts[1] + " "
                    + query(connection, "select last_value || ' ' || is_called from " + parts[2])
                            .get(0));
        }
        return sequences;
    }

    /** Writes the rows into the empty tables of a schema of the same version. */
    void restore(Connection connection) throws SQLException, IOException {
        connection.setAutoCommit(false);
        execute(connection, "set local session_replication_role = replica"); // Checks no foreign key.
        execute(connection, "set local timezone = 'UTC'");
        for (Map.Entry<String, Table> table : tables.entrySet()) {
            String rows = String.join("\n", table.getValue().rows());
            connection
                    .unwrap(PGConnection.class)
                    .getCopyAPI()
                    .copyIn(
                            "copy sluice." + table.getKey() + " ("
                                    + table.getValue().columns() + ") from stdin",
                            new StringReader(rows));
        }
        for (String sequence : sequences) {
            String[] parts = sequence.split(" ", -1);
            execute(
                    connection,
                    "select setval(pg_get_serial_sequence('sluice." + parts[0] + "', '" + parts[1] + "'), " + parts[2]
                            + ", " + parts[3] + ")");
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    /** Returns the text from which {@link #parse} makes the same rows. */
    String text() {
        var text = new StringBuilder();
        tables.forEach((name, table) -> {
            text.append(TABLE).append(name).append(' ').append(table.columns()).append('\n');
            table.rows().forEach(row -> text.append(row).append('\n'));
            text.append(END).append('\n');
        });
        sequences.forEach(sequence -> text.append(sequence).append('\n'));
        return text.toString();
    }

    static SchemaRows parse(String text) {
        var tables = new LinkedHashMap<String, Table>();
        var sequences = new ArrayList<String>();
        for (Iterator<String> lines = text.lines().iterator(); lines.hasNext(); ) {
            String line = lines.next();
            if (!line.startsWith(TABLE)) {
                sequences.add(line);
                continue;
            }
            String[] parts = line.split(" ", 3);
            var rows = new ArrayList<String>();
            for (String row = lines.next(); !row.equals(END); row = lines.next()) {
                rows.add(row);
            }
            tables.put(parts[1], new Table(parts[2], List.copyOf(rows)));
        }
        return new SchemaRows(tables, sequences);
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static List<String> query(Connection connection, String sql) throws SQLException {
        var rows = new ArrayList<String>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            while (row.next()) {
                rows.add(row.getString(1));
            }
        }
        return rows;
    }
}
