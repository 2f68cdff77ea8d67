package dev.sluice.bridge.postgres;

import com.zaxxer.hikari.SQLExceptionOverride;
import dev.sluice.queue.SessionFailures;
import java.sql.SQLException;
import java.util.function.Consumer;

/**
 * Makes a pool close a connection whose session has ended or whose server has become read-only, and reports the
 * exception. HikariCP by itself knows fewer of these errors.
 */
final class BrokenSessions implements SQLExceptionOverride {
    private final Consumer<SQLException> listener;

    /**
     * Makes it.
     *
     * @param listener gets each exception that says that a session has ended
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
