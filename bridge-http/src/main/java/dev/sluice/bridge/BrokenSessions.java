package dev.sluice.bridge;

import com.zaxxer.hikari.SQLExceptionOverride;
import dev.sluice.queue.SessionFailures;
import java.sql.SQLException;
import java.util.function.Consumer;

/** Has a pool close a connection whose session is over, or whose server only reads, and tells of it. Hikari knows fewer reasons. */
final class BrokenSessions implements SQLExceptionOverride {
    private final Consumer<SQLException> listener;

    /**
     * Makes it.
     *
     * @param listener told of exceptions that say that a session is over
     */
    BrokenSessions(Consumer<SQLException> listener) {
        this.listener = listener;
    }

    @java.lang.Override
    public SQLExceptionOverride.Override adjudicate(SQLException exception) {
        if (!SessionFailures.isOver(exception.getSQLState())) {
            return SQLExceptionOverride.Override.CONTINUE_EVICT;
        }
        listener.accept(exception);
        return SQLExceptionOverride.Override.MUST_EVICT;
    }
}
