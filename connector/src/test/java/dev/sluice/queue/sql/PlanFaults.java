package dev.sluice.queue.sql;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.queue.sql.Statements.Sql;
import java.io.IOException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Finds the faults of the plans of a statement: what reads a whole table, compares each row with each, or uses an index
 * without the columns that make it selective.
 */
public final class PlanFaults {
    /** Length of a long list. */
    private static final int MANY = 4_000;

    /** Columns that the condition on an index must have. Others need one column at least. */
    private static final Map<String, List<String>> REQUIRED = Map.of(
            "partitions_queue_id_name_key", List.of("queue_id", "name"),
            "cursors_pkey", List.of("group_id", "partition_id"),
            "cursors_idle", List.of("partition_id"),
            "cursors_ready", List.of("group_id", "lane"),
            "work_items_pkey", List.of("partition_id", "seq"),
            "work_keys_pkey", List.of("queue_id", "key"),
            "sink_offsets_pkey", List.of("source", "topic", "partition"));

    /** Types of parameters that the driver declares and the text of a statement does not. */
    private static final Map<String, String> TYPES = Map.of("trace", "bigint");

    private PlanFaults() {}

    /** Sets the settings under which the statements run. */
    public static void setUp(Statement statement) throws SQLException {
        statement.execute(IndexPlans.ON);
    }

    /** Plans a statement for unknown parameters and for lists of one and of thousands. Returns the faults. */
    public static Set<String> of(Statement statement, Sql sql) throws SQLException, IOException {
        var faults = new TreeSet<String>();
        String text = numbered(sql);
        if (!text.matches("(?is)\\s*(select|insert|update|delete|with)\\b.*")) {
            return faults;
        }
        String declared = String.join(
                ", ",
                sql.parameters().stream()
                        .map(name -> TYPES.getOrDefault(name, "unknown"))
                        .toList());
        statement.execute("prepare planned " + (declared.isEmpty() ? "" : "(" + declared + ")") + " as " + text);
        List<String> types = new ArrayList<>();
        try (ResultSet row = statement.executeQuery(
                "select unnest(parameter_types)::text from pg_prepared_statements where name = 'planned'")) {
            while (row.next()) {
                types.add(row.getString(1));
            }
        }
        statement.execute("set plan_cache_mode = force_generic_plan");
        faults.addAll(faults(plan(statement, types, 1), "generic"));
        statement.execute("set plan_cache_mode = force_custom_plan");
        faults.addAll(faults(plan(statement, types, 1), "one"));
        if (types.stream().anyMatch(type -> type.endsWith("[]"))) {
            faults.addAll(faults(plan(statement, types, MANY), "many"));
        }
        statement.execute("deallocate planned");
        return faults;
    }

    private static String numbered(Sql sql) {
        var text = new StringBuilder();
        int number = 0;
        for (char c : sql.text().toCharArray()) {
            if (c == '?') {
                text.append('$').append(++number);
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }

    private static JsonNode plan(Statement statement, List<String> types, int count) throws SQLException, IOException {
        String arguments = types.isEmpty()
                ? ""
                : "("
                        + String.join(
                                ", ",
                                types.stream().map(type -> value(type, count)).toList()) + ")";
        try (ResultSet row = statement.executeQuery("explain (format json) execute planned" + arguments)) {
            row.next();
            return new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
        }
    }

    private static String value(String type, int count) {
        return switch (type) {
            case "text" -> "'q1'";
            case "bigint", "integer", "smallint", "numeric", "double precision" -> "10";
            case "boolean" -> "true";
            case "timestamp with time zone" -> "now()";
            case "uuid" -> "gen_random_uuid()";
            default -> literal(type, count);
        };
    }

    /** Returns a list as a literal, from which the planner can read its length. */
    private static String literal(String type, int count) {
        var text = new StringBuilder("'{");
        for (int i = 1; i <= count; i++) {
            text.append(i == 1 ? "" : ",")
                    .append(
                            switch (type) {
                                case "text[]" -> "q" + i;
                                case "uuid[]" -> "00000000-0000-0000-0000-000000000001";
                                case "boolean[]" -> "t";
                                case "timestamp with time zone[]" -> "2020-01-01";
                                default -> Integer.toString(i);
                            });
        }
        return text.append("}'::").append(type).toString();
    }

    private static Set<String> faults(JsonNode plan, String how) {
        var faults = new TreeSet<String>();
        String type = plan.get("Node Type").asText();
        String table = plan.path("Relation Name").asText("");
        String where = type + (table.isEmpty() ? "" : " of " + table) + " [" + how + "]";
        if (type.equals("Seq Scan") || type.contains("Hash Join") || type.equals("Merge Join")) {
            faults.add(where);
        }
        if (plan.has("Join Filter")) {
            faults.add(where + " compares pairs: " + plan.get("Join Filter").asText());
        }
        if (plan.has("Index Name")) {
            String condition = plan.path("Index Cond").asText("");
            String index = plan.get("Index Name").asText();
            if (condition.isEmpty()) {
                faults.add(where + " reads all of " + index);
            }
            for (String column : REQUIRED.getOrDefault(index, List.of())) {
                if (!condition.isEmpty() && !condition.matches(".*\\b" + column + "\\b.*")) {
                    faults.add(where + " " + index + " without " + column + ": " + condition);
                }
            }
        }
        for (JsonNode child : plan.path("Plans")) {
            faults.addAll(faults(child, how));
        }
        return faults;
    }
}
