package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The settings that every session on the queue relies on. The server, the database and the role can each have other
 * defaults, so a session sets all of them before its first use, in one round trip. They go by {@code SET} and not by
 * the parameter {@code options} of the connection, because PgBouncer refuses that parameter.
 *
 * <p>A setting that the server does not have, such as {@code transaction_timeout} before PostgreSQL 17, is left out.
 */
public final class SessionSettings {
    private static final String NO_LIMIT = "0";

    /**
     * A server looks every second whether its client is still there, and ends the statement if not. So a statement does
     * not run on when its connection was given up. The server never ends a commit in this way. Systems that cannot look
     * refuse the setting.
     */
    private static final String END_WITH_CLIENT =
            "do $$ begin perform set_config('client_connection_check_interval', '1s', false);"
                    + " exception when invalid_parameter_value then null; end $$";

    /** Name and value. A session gets a statement timeout of its own. */
    private static final Map<String, String> VALUES = values();

    private SessionSettings() {}

    private static Map<String, String> values() {
        var values = new LinkedHashMap<String, String>();
        // The server compiles plans that it believes expensive. It believes that of plans of a forbidden kind (see
        // QueueWriter), and spent 0.3 s on a statement of 0.3 ms. All of our statements are short.
        values.put("jit", "off");
        // Claims and acknowledgements lock rows and then read what others have committed.
        values.put("default_transaction_isolation", "read committed");
        values.put("default_transaction_read_only", "off");
        values.put("default_transaction_deferrable", "off");
        // We bound statements ourselves. Connections that listen, and those of writers, are silent for long.
        values.put("lock_timeout", NO_LIMIT);
        values.put("idle_in_transaction_session_timeout", NO_LIMIT);
        values.put("idle_session_timeout", NO_LIMIT);
        values.put("transaction_timeout", NO_LIMIT);
        // How values are read and written as text.
        values.put("TimeZone", "UTC");
        values.put("DateStyle", "ISO, MDY");
        values.put("IntervalStyle", "postgres");
        values.put("bytea_output", "hex");
        values.put("extra_float_digits", "3");
        values.put("standard_conforming_strings", "on");
        values.put("array_nulls", "on");
        // A commit that a standby has not confirmed says so in a warning.
        values.put("client_min_messages", "warning");
        values.put("plan_cache_mode", "auto");
        return values;
    }

    /**
     * Sets them. Sets {@code synchronous_commit} to {@code on} only if it is {@code off}: a commit that was answered
     * survives a crash of the server. Every other value waits at least for the local disk, and the operator may have
     * chosen it to wait for more.
     *
     * @param statementTimeout longest time of a statement; zero for no limit
     */
    public static void begin(Connection connection, Duration statementTimeout) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql(statementTimeout));
        }
    }

    /**
     * The same for a session that reads lists. Their statements filter by parameters that may be null. A plan that fits
     * every value expects next to no rows, and took 25 s for 3,000 queues where a plan for the values took 30 ms; the
     * server made it at the tenth execution. So each execution is planned for its values.
     */
    public static void beginForLists(Connection connection, Duration statementTimeout) throws SQLException {
        begin(connection, statementTimeout);
        try (Statement statement = connection.createStatement()) {
            statement.execute("select set_config(name, 'force_custom_plan', false) from pg_settings"
                    + " where name = 'plan_cache_mode'"); // PostgreSQL has it since version 12.
        }
    }

    /** The search path comes first, so that the names in the rest are the server's own. */
    private static String sql(Duration statementTimeout) {
        String rows = VALUES.entrySet().stream()
                .map(each -> "('" + each.getKey() + "', '" + each.getValue() + "')")
                .collect(Collectors.joining(", "));
        return "set search_path = pg_catalog; select set_config(s.name, s.value, false) from (values " + rows
                + ", ('statement_timeout', '" + statementTimeout.toMillis() + "')"
                + ", ('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'))"
                + ") as s (name, value) where current_setting(s.name, true) is not null; " + END_WITH_CLIENT;
    }
}
