package dev.sluice.queue.sql;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * One numbered change of the schema: an SQL file that runs once, statement by statement. In the file a statement ends
 * with a line that ends in {@code ;}, unless the line is within {@code $$ … $$}. Lines that begin with {@code --} are
 * comments.
 *
 * @param file name of the file, {@code NNN_purpose.sql}
 * @param sql text of the file, with the schema written {@code sluice.}
 */
record Migration(String file, String sql) {
    private static final String DOLLAR_QUOTE = "$$";
    private static final Pattern CHANGED_TABLE = Pattern.compile("(?im)^\\s*alter table sluice\\.([a-z_]+)");
    private static final Pattern NEW_TABLE = Pattern.compile("(?im)^create table sluice\\.([a-z_]+)");

    /** Reads a migration of this program. */
    static Migration read(String file) {
        return new Migration(file, Statements.resource("migrations/" + file));
    }

    /** Returns the names of the tables that the migration creates. */
    Set<String> tables() {
        return NEW_TABLE.matcher(sql).results().map(found -> found.group(1)).collect(Collectors.toUnmodifiableSet());
    }

    /** Returns the tables that the migration changes, sorted. Those that it creates may be among them. */
    Set<String> changedTables() {
        return CHANGED_TABLE
                .matcher(sql)
                .results()
                .map(found -> found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * A statement of a file.
     *
     * @param line number of its first line, from 1
     * @param sql the statement, with its semicolon
     */
    record Step(int line, String sql) {}

    /** Returns the statements in their order. */
    List<Step> steps() {
        var steps = new ArrayList<Step>();
        var step = new StringBuilder();
        int begin = 0;
        int number = 0;
        boolean quoted = false;
        for (String line : sql.lines().toList()) {
            number++;
            if (!quoted && (line.isBlank() || line.startsWith("--"))) {
                continue;
            }
            if (step.isEmpty()) {
                begin = number;
            }
            step.append(line).append('\n');
            quoted ^= occurrences(line) % 2 == 1;
            if (!quoted && line.stripTrailing().endsWith(";")) {
                steps.add(new Step(begin, step.toString().strip()));
                step.setLength(0);
            }
        }
        if (!step.isEmpty()) {
            throw new IllegalStateException(file + " ends within the statement that begins in line " + begin);
        }
        return steps;
    }

    private static int occurrences(String line) {
        int count = 0;
        for (int at = line.indexOf(DOLLAR_QUOTE); at >= 0; at = line.indexOf(DOLLAR_QUOTE, at + 2)) {
            count++;
        }
        return count;
    }
}
