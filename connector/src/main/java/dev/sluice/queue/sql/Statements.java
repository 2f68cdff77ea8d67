package dev.sluice.queue.sql;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.stream.Collectors;

/**
 * Reads named SQL statements from a resource file; each class has a file of its own. In the file, a line {@code --
 * name: some-name} starts a statement that ends at the next such line. Parameters are written {@code :like_this}, and
 * names of tables that vary {@code {like_this}}. The schema is written {@code sluice.}; the configured schema replaces
 * it.
 */
public final class Statements {
    private static final String NAME_MARK = "-- name: ";

    /** The name of the schema in the files. */
    private static final String DEFAULT_SCHEMA = "sluice";

    private final String file;
    private final Map<String, Sql> byName = new HashMap<>();

    private Statements(String file) {
        this.file = file;
    }

    /** Reads a file whose statements name no table of the queue. */
    public static Statements read(String file) {
        return read(file, DEFAULT_SCHEMA);
    }

    /** Reads {@code file}, a resource beside this class. */
    public static Statements read(String file, String schema) {
        return read(Statements.class, file, schema);
    }

    /** Reads {@code file}, a resource beside {@code owner}. */
    public static Statements read(Class<?> owner, String file, String schema) {
        var statements = new Statements(file);
        String name = null;
        var text = new StringBuilder();
        for (String line : (resource(owner, file) + "\n" + NAME_MARK).lines().toList()) {
            if (line.startsWith(NAME_MARK)) {
                if (name != null) {
                    statements.byName.put(name, Sql.parse(inSchema(text.toString(), schema)));
                }
                name = line.substring(NAME_MARK.length()).strip();
                text.setLength(0);
            } else if (!line.startsWith("--")) {
                text.append(line).append('\n');
            }
        }
        return statements;
    }

    /**
     * Returns the statement of that name.
     *
     * @throws IllegalStateException if there is none, which is a bug
     */
    public Sql get(String name) {
        Sql sql = byName.get(name);
        if (sql == null) {
            throw new IllegalStateException(file + " has no statement named " + name);
        }
        return sql;
    }

    /** Returns the statement of that name on a connection. */
    public BoundStatement on(Connection connection, String name) throws SQLException {
        return new BoundStatement(connection, get(name));
    }

    /** Returns the names of all statements. */
    Set<String> names() {
        return Collections.unmodifiableSet(byName.keySet());
    }

    /** Returns the text of a resource beside this class. */
    static String resource(String file) {
        return resource(Statements.class, file);
    }

    private static String resource(Class<?> owner, String file) {
        try (InputStream in = owner.getResourceAsStream(file)) {
            if (in == null) {
                throw new IllegalStateException("resource " + file + " is missing beside " + owner.getName());
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns {@code sql} with the schema name {@code sluice} replaced. */
    static String inSchema(String sql, String schema) {
        return schema.equals(DEFAULT_SCHEMA)
                ? sql
                : sql.replaceAll("\\bsluice\\.", Matcher.quoteReplacement(quoted(schema) + "."));
    }

    /** Returns an identifier in quotes. */
    public static String quoted(String identifier) {
        return "\"" + identifier.replace("\"", "\"\"") + "\"";
    }

    /**
     * One statement.
     *
     * @param text with {@code ?} for each parameter
     * @param parameters the names of the parameters, in order; a name that is used twice occurs twice
     */
    public record Sql(String text, List<String> parameters) {
        /** Returns the statement with SQL in place of {@code {name}}, such as a name in quotes. */
        public Sql with(String name, String sql) {
            return new Sql(text.replace("{" + name + "}", sql), parameters);
        }

        /**
         * Returns statements as one text. The driver sends them together, and the server runs them in order, each with
         * a snapshot of its own. {@link RoundTrip} runs them and reads their results. A parameter that several of them
         * have is the same value in each.
         */
        static Sql joined(List<Sql> statements) {
            var parameters = new ArrayList<String>();
            statements.forEach(each -> parameters.addAll(each.parameters()));
            String text = statements.stream().map(Sql::text).collect(Collectors.joining(";\n"));
            return new Sql(text, List.copyOf(parameters));
        }

        /** Reads a statement whose parameters are written {@code :like_this}. */
        public static Sql parse(String named) {
            String body = named.strip();
            if (body.endsWith(";")) {
                body = body.substring(0, body.length() - 1);
            }
            var text = new StringBuilder(body.length());
            var parameters = new ArrayList<String>();
            boolean quoted = false;
            for (int i = 0; i < body.length(); i++) {
                char c = body.charAt(i);
                if (c == '\'') {
                    quoted = !quoted;
                }
                boolean opens = c == ':'
                        && !quoted
                        && i + 1 < body.length()
                        && Character.isLetter(body.charAt(i + 1))
                        && body.charAt(i - 1) != ':';
                // A colon in a slice of an array, as in ids[slice.low:slice.high], starts no parameter.
                if (opens && (Character.isWhitespace(body.charAt(i - 1)) || body.charAt(i - 1) == '(')) {
                    int end = i + 1;
                    while (end < body.length()
                            && (Character.isLetterOrDigit(body.charAt(end)) || body.charAt(end) == '_')) {
                        end++;
                    }
                    parameters.add(body.substring(i + 1, end));
                    text.append('?');
                    i = end - 1;
                } else {
                    text.append(c);
                }
            }
            return new Sql(text.toString(), List.copyOf(parameters));
        }
    }
}
