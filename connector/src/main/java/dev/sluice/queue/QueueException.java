package dev.sluice.queue;

import java.net.SocketTimeoutException;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * PostgreSQL did not do what was asked, and the transaction had no effect. If the effect is not known, the exception is
 * an {@link dev.sluice.queue.sql.OutcomeUnknownException}.
 */
public class QueueException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** SQLSTATE of what can succeed when somebody has changed something else: a transient failure. */
    static final String OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";

    /** SQLSTATEs of class 25 that say nothing of the request, but of its session: another session can do it. */
    private static final List<String> SESSION_OVER = List.of("25006", "25P03", "25P04");

    /** SQLSTATEs of a right, a table and a schema that are not there. */
    private static final List<String> SCHEMA_MISSING = List.of("42501", "42P01", "3F000");

    private static final String QUERY_CANCELED = "57014";
    private static final String LOCK_NOT_AVAILABLE = "55P03";

    private final String sqlState;

    /** Wraps {@code cause}, saying {@code what} was being done. */
    public QueueException(String what, SQLException cause) {
        super(what + ": " + SessionFailures.reason(cause) + " (SQLSTATE " + cause.getSQLState() + ")", cause);
        this.sqlState = cause.getSQLState() == null ? "" : cause.getSQLState();
    }

    public QueueException(String message, String sqlState, @Nullable Throwable cause) {
        super(message, cause);
        this.sqlState = sqlState;
    }

    /** Returns the SQLSTATE, or an empty string when there is none, as with a network error. */
    public String sqlState() {
        return sqlState;
    }

    /**
     * Returns true when the same request can succeed later without anybody changing it: a lost or refused connection, a
     * server that starts, stops, or is out of resources, a deadlock, a serialization failure, a cancelled statement, a
     * server that is only a standby, a session that the server ended because it took too long (PostgreSQL
     * documentation, appendix A: classes 08, 40, 53, 55, 57, 58 and states 25006, 25P03, 25P04).
     */
    public boolean isTransient() {
        if (sqlState.isEmpty()) {
            return true;
        }
        return switch (sqlState.substring(0, 2)) {
            case "08", "40", "53", "55", "57", "58" -> true;
            default -> SESSION_OVER.contains(sqlState);
        };
    }

    /**
     * Returns true when the schema, one of its tables or a right of the role is missing. The start has found all of
     * them, so somebody has taken them away, and a repair of the database helps.
     */
    public boolean isAboutSchema() {
        return SCHEMA_MISSING.contains(sqlState);
    }

    /**
     * Returns true when the server answered that a statement has taken too long, for a lock or by itself, and was given
     * up. A smaller part of the work, or that of other queues, may succeed.
     */
    public boolean isTimeout() {
        return sqlState.equals(QUERY_CANCELED) || sqlState.equals(LOCK_NOT_AVAILABLE);
    }

    /** Returns true when the work took too long, whether the server said so or gave no answer in time. */
    public boolean isByTime() {
        if (isTimeout()) {
            return true;
        }
        for (Throwable cause = getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof SocketTimeoutException) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns true when PostgreSQL blames what was written: classes 21, 22 and 23 (cardinality, data, constraints) and
     * 54 (limits of the server). Without it the rest may be accepted.
     */
    public boolean isAboutData() {
        return !isTransient()
                && sqlState.length() == 5
                && List.of("21", "22", "23", "54").contains(sqlState.substring(0, 2));
    }
}
