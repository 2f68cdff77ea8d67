package dev.sluice.queue;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tells from a SQLSTATE what has become of the session that reported it (PostgreSQL documentation, appendix A). */
public final class SessionFailures {
    /** The server takes no more sessions of this role, of this database, or at all. */
    public static final String TOO_MANY_CONNECTIONS = "53300";

    /** A pool has lent all of its connections: insufficient resources, but of this process and not of the server. */
    public static final String ALL_CONNECTIONS_IN_USE = "53000";

    /** The server reads only: it is a standby, or became one while the session stayed. */
    private static final String READ_ONLY = "25006";

    /**
     * Administrator, crash, start, drop of the database, idle session; idle transaction; transaction that took too
     * long.
     */
    private static final Set<String> ENDED = Set.of("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04");

    private SessionFailures() {}

    /**
     * Says whether the session cannot be used any more: it has ended, its connection broke, or its server only reads.
     */
    public static boolean isOver(@Nullable String sqlState) {
        return sqlState != null && (sqlState.startsWith("08") || isServerGone(sqlState));
    }

    /** Says whether other sessions with the same server are over too, in all likelihood. */
    public static boolean isServerGone(@Nullable String sqlState) {
        return sqlState != null && (sqlState.equals(READ_ONLY) || ENDED.contains(sqlState));
    }

    /**
     * Returns why something failed: the message, and that of the innermost cause, which the driver's own message often
     * hides.
     */
    public static String reason(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String message = text(failure);
        return root == failure || message.contains(text(root)) ? message : message + " (" + text(root) + ")";
    }

    /** An I/O error often has a name only. */
    private static String text(Throwable failure) {
        String message = failure.getMessage();
        return message == null || message.isBlank() ? failure.getClass().getSimpleName() : message;
    }
}
