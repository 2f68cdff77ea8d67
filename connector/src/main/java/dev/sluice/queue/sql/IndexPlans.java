package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.postgresql.PGConnection;

/**
 * Makes the server look rows up by index, one after the other, whatever its statistics say. Our statements name the
 * rows they want. Without these settings the server may plan to read the whole table while the table is empty, and keep
 * that plan after the table has filled. Under them, every plan that the server can choose for our statements has all
 * columns of the key in the condition of the index; {@code PlansTest} reads the plans on tables with misleading
 * statistics.
 *
 * <p>The statements follow these rules:
 *
 * <ul>
 *   <li>If the columns of a key come from two tables, the table is in a lateral subquery with {@code offset 0}. So the
 *       server cannot join it with one of the two first and filter what is left.
 *   <li>If a table that is changed or locked is joined with a list, {@code = any (array[x])} stands for {@code = x} on
 *       the first column of the key. The server can use this condition on an index and nowhere else, so it cannot read
 *       the whole table and compare each row with each of the list.
 *   <li>A list of ids from a subquery is {@code = any (array(...))}, which the server computes once.
 * </ul>
 *
 * <p>The settings belong to a session, and are set once for each connection. On connections for consumers only and on
 * those of writers, the server also plans each statement once: under these settings, a plan for unknown parameters has
 * the same form. Statements that list whole tables run without them.
 */
public final class IndexPlans {
    /** Memoize is useless for statements by key: none looks a partition up twice. */
    static final String ON = "set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off;"
            + " set enable_bitmapscan = off; set enable_memoize = off";

    static final String OFF =
            "reset enable_hashjoin; reset enable_mergejoin; reset enable_seqscan; reset enable_bitmapscan;"
                    + " reset enable_memoize; set plan_cache_mode = auto"; // As SessionSettings has it.

    /** The same settings until the end of the transaction, for a connection that also serves other statements. */
    private static final String ON_IN_TRANSACTION = ON.replace("set ", "set local ");

    /** The connections with these settings; the driver's own, because a pool gives out a new wrapper each time. */
    private static final Set<PGConnection> SET =
            Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

    /**
     * Makes the server plan a statement once for a connection. Its own choice depends on the estimates of two plans:
     * for short lists it planned every execution, which took as long as the execution.
     */
    private static final String PLANNED_ONCE = "; set plan_cache_mode = force_generic_plan";

    private IndexPlans() {}

    /** Sets the settings for the session, unless they are set. The connection must not be in a transaction. */
    public static void on(Connection connection) throws SQLException {
        once(connection, ON);
    }

    /** Does the same as {@link #on}, and makes the server plan each statement once. */
    public static void plannedOnce(Connection connection) throws SQLException {
        once(connection, ON + PLANNED_ONCE);
    }

    private static void once(Connection connection, String settings) throws SQLException {
        PGConnection session = connection.unwrap(PGConnection.class);
        if (!SET.contains(session)) {
            execute(connection, settings);
            SET.add(session);
        }
    }

    /** Resets the settings of the session. */
    public static void off(Connection connection) throws SQLException {
        SET.remove(connection.unwrap(PGConnection.class));
        execute(connection, OFF);
    }

    /** Sets the settings for the current transaction. */
    static void onInTransaction(Connection connection) throws SQLException {
        execute(connection, ON_IN_TRANSACTION);
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
