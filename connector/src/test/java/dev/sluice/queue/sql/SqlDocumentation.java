package dev.sluice.queue.sql;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads the SQL of {@code docs/sql.md}, by heading. */
final class SqlDocumentation {
    private static final Path FILE = Path.of("..", "docs", "sql.md");

    private SqlDocumentation() {}

    /** A block of SQL; a {@code query} if it is below the first main heading. */
    record Block(String heading, boolean query, String sql) {}

    static List<Block> blocks() {
        var blocks = new ArrayList<Block>();
        String heading = "";
        boolean query = true;
        int mainHeadings = 0;
        StringBuilder sql = null;
        for (String line : lines()) {
            if (sql != null) {
                if (line.equals("```")) {
                    blocks.add(new Block(heading, query, sql.toString()));
                    sql = null;
                } else {
                    sql.append(line).append('\n');
                }
            } else if (line.equals("```sql")) {
                sql = new StringBuilder();
            } else if (line.startsWith("#")) {
                heading = line.replaceFirst("#+ ", "");
                if (line.startsWith("# ")) {
                    query = mainHeadings++ == 0;
                }
            }
        }
        return blocks;
    }

    private static List<String> lines() {
        try {
            return Files.readAllLines(FILE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
