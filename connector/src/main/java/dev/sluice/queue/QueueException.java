package dev.sluice.queue;

import java.net.SocketTimeoutException;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A transaction failed and had no effect. If its effect is unknown, the exception is an
 * {@link dev.sluice.queue.sql.OutcomeUnknownException}.
 */
public class QueueException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** SQLSTATE of a request that can succeed after something else has changed; a transient failure. */
    public static final String OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";

    /** SQLSTATEs of class 25 that concern the session and not the request; another session can succeed. */
    private static final List<String> SESSION_OVER = List.of("25006", "25P03", "25P04");

    /** SQLSTATEs of a missing right, table or schema. */
    private static final List<String> SCHEMA_MISSING = List.of("42501", "42P01", "3F000");

    private static final String QUERY_CANCELED = "57014";
    private static final String LOCK_NOT_AVAILABLE = "55P03";

    private final String sqlState;

    /**
     * Wraps a failure of the driver.
     *
     * @param what what failed, for the message
     */
    public QueueException(String what, SQLException cause) {
        super(what + ": " + SessionFailures.reason(cause) + " (SQLSTATE " + cause.getSQLState() + ")", cause);
        this.sqlState = cause.getSQLState() == null ? "" : cause.getSQLState();
    }

    public QueueException(String message, String sqlState, @Nullable Throwable cause) {
        super(message, cause);
        this.sqlState = sqlState;
    }

    /** Returns the SQLSTATE, or an empty string if there is none, as with a network error. */
    public String sqlState() {
        return sqlState;
    }

    /**
     * Returns whether the same request can succeed on a retry. Transient failures are: a lost or refused connection; a
     * server that starts, stops, is out of resources or is a standby; a deadlock, a serialization failure, a cancelled
     * statement; and a session that the server ended on a timeout (PostgreSQL documentation, appendix A: classes 08,
     * 40, 53, 55, 57, 58 and states 25006, 25P03, 25P04).
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
     * Returns whether the schema, one of its tables or a right of the role is missing. All of them existed when the
     * process started, so somebody has removed them; a repair of the database helps.
     */
    public boolean isAboutSchema() {
        return SCHEMA_MISSING.contains(sqlState);
    }

    /**
     * Returns whether the server cancelled a statement on a timeout, of a lock or of the statement. A smaller part of
     * the work, or the work on other queues, may succeed.
     */
    public boolean isTimeout() {
        return sqlState.equals(QUERY_CANCELED) || sqlState.equals(LOCK_NOT_AVAILABLE);
    }

    /** Returns whether the work timed out: the server cancelled a statement, or did not answer in time. */
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
     * Returns whether PostgreSQL rejected the data: classes 21, 22 and 23 (cardinality, data, constraints) and 54
     * (limits of the server). Without that data, the server may accept the rest.
     */
    public boolean isAboutData() {
        return !isTransient()
                && sqlState.length() == 5
                && List.of("21", "22", "23", "54").contains(sqlState.substring(0, 2));
    }
}
