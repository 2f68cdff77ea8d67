package dev.sluice.queue.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.postgresql.PGConnection;

/**
 * Settings under which the server looks rows up by index, one after the other, whatever its statistics say. Our
 * statements name the rows they want. A plan that was made while a table was empty reads the whole table, and the
 * server keeps it after the table has filled. The statements are written so that, under these settings, every plan that
 * is left has all columns of the key in the condition of the index; {@code PlansTest} reads the plans.
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
 * <p>They are settings of a session, set once for each connection. Statements that show whole tables run without them.
 */
public final class IndexPlans {
    /** Memoize is useless for statements by key: no partition comes twice. */
    static final String ON = "set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off;"
            + " set enable_bitmapscan = off; set enable_memoize = off";

    static final String OFF =
            "reset enable_hashjoin; reset enable_mergejoin; reset enable_seqscan; reset enable_bitmapscan;"
                    + " reset enable_memoize";

    /** The same until the end of the transaction, for a connection that also serves others. */
    private static final String ON_IN_TRANSACTION = ON.replace("set ", "set local ");

    /** The connections on which they are set; the driver's own, since a pool gives a new wrapper each time. */
    private static final Set<PGConnection> SET =
            Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

    private IndexPlans() {}

    /** Sets them for the session, unless that was done before. The connection must not be in a transaction. */
    public static void on(Connection connection) throws SQLException {
        PGConnection session = connection.unwrap(PGConnection.class);
        if (!SET.contains(session)) {
            execute(connection, ON);
            SET.add(session);
        }
    }

    /** Takes them back for the session. */
    public static void off(Connection connection) throws SQLException {
        SET.remove(connection.unwrap(PGConnection.class));
        execute(connection, OFF);
    }

    /** Sets them for the transaction that the connection is in. */
    static void onInTransaction(Connection connection) throws SQLException {
        execute(connection, ON_IN_TRANSACTION);
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
