package dev.sluice.queue;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Classifies the SQLSTATEs that a session reports (PostgreSQL documentation, appendix A). */
public final class SessionFailures {
    /** The server has reached its limit of sessions, for this role, for this database, or in total. */
    public static final String TOO_MANY_CONNECTIONS = "53300";

    /** All connections of a pool of this process are in use: insufficient resources, but not of the server. */
    public static final String ALL_CONNECTIONS_IN_USE = "53000";

    /** The server is read-only: it is a standby, or became one during the session. */
    private static final String READ_ONLY = "25006";

    /**
     * The server ended the session: by an administrator, after a crash, at a start, with its database, or on a timeout
     * of an idle session, an idle transaction or a long transaction.
     */
    private static final Set<String> ENDED = Set.of("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04");

    private SessionFailures() {}

    /** Returns whether the session is unusable: it has ended, its connection is broken, or its server is read-only. */
    public static boolean isOver(@Nullable String sqlState) {
        return sqlState != null && (sqlState.startsWith("08") || isServerGone(sqlState));
    }

    /** Returns whether other sessions with the same server have most likely ended too. */
    public static boolean isServerGone(@Nullable String sqlState) {
        return sqlState != null && (sqlState.equals(READ_ONLY) || ENDED.contains(sqlState));
    }

    /**
     * Returns the reason of a failure: its message, and the message of its innermost cause, which the driver's message
     * often leaves out.
     */
    public static String reason(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String message = text(failure);
        return root == failure || message.contains(text(root)) ? message : message + " (" + text(root) + ")";
    }

    /** Returns the message; many I/O errors have none, so the name of the class stands for it. */
    private static String text(Throwable failure) {
        String message = failure.getMessage();
        return message == null || message.isBlank() ? failure.getClass().getSimpleName() : message;
    }
}
