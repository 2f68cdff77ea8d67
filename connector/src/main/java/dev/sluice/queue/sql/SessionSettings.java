package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Sets the settings on which every session relies. The server, the database and the role can each have other defaults,
 * so a session sets all of them before its first use, in one round trip. It uses {@code SET} instead of the connection
 * parameter {@code options}, because PgBouncer refuses that parameter.
 *
 * <p>Skips a setting that the server does not have, such as {@code transaction_timeout} before PostgreSQL 17.
 */
public final class SessionSettings {
    private static final String NO_LIMIT = "0";

    /**
     * Makes the server check every second whether its client is still connected, and end the statement if not. So a
     * statement does not run on after its connection was closed. The server never ends a commit in this way. Operating
     * systems that cannot check refuse the setting.
     */
    private static final String END_WITH_CLIENT =
            "do $$ begin perform set_config('client_connection_check_interval', '1s', false);"
                    + " exception when invalid_parameter_value then null; end $$";

    /** Values by name. The statement timeout differs by session. */
    private static final Map<String, String> VALUES = values();

    private SessionSettings() {}

    private static Map<String, String> values() {
        var values = new LinkedHashMap<String, String>();
        // The server compiles plans that it estimates as expensive. That includes plans of a kind that IndexPlans
        // forbids: it compiled for 0.3 s where the statement took 0.3 ms. All of our statements are short.
        values.put("jit", "off");
        // Claims and acknowledgements lock rows and then read what other transactions have committed.
        values.put("default_transaction_isolation", "read committed");
        values.put("default_transaction_read_only", "off");
        values.put("default_transaction_deferrable", "off");
        // We limit statements ourselves. Connections that listen, and those of writers, are idle for long.
        values.put("lock_timeout", NO_LIMIT);
        values.put("idle_in_transaction_session_timeout", NO_LIMIT);
        values.put("idle_session_timeout", NO_LIMIT);
        values.put("transaction_timeout", NO_LIMIT);
        // The text form of values.
        values.put("TimeZone", "UTC");
        values.put("DateStyle", "ISO, MDY");
        values.put("IntervalStyle", "postgres");
        values.put("bytea_output", "hex");
        values.put("extra_float_digits", "3");
        values.put("standard_conforming_strings", "on");
        values.put("array_nulls", "on");
        // The server sends a warning if a standby has not confirmed a commit.
        values.put("client_min_messages", "warning");
        values.put("plan_cache_mode", "auto");
        return values;
    }

    /**
     * Sets the settings. Sets {@code synchronous_commit} to {@code on} only if it is {@code off}, so that a confirmed
     * commit survives a crash of the server. Every other value waits at least for the local disk, and the operator may
     * have chosen to wait for more.
     *
     * @param statementTimeout longest time of a statement; zero: no limit
     */
    public static void begin(Connection connection, Duration statementTimeout) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql(statementTimeout));
        }
    }

    /**
     * Sets the settings of a session that reads lists. Its statements filter by parameters that may be null. The server
     * makes a generic plan at the tenth execution; it expects next to no rows, and took 25 s for 3,000 queues where a
     * plan for the values took 30 ms. So the server plans each execution for its values.
     */
    public static void beginForLists(Connection connection, Duration statementTimeout) throws SQLException {
        begin(connection, statementTimeout);
        try (Statement statement = connection.createStatement()) {
            statement.execute("select set_config(name, 'force_custom_plan', false) from pg_settings"
                    + " where name = 'plan_cache_mode'"); // PostgreSQL has the setting since version 12.
        }
    }

    /** Sets the search path first, so that the other names are the server's own. */
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
