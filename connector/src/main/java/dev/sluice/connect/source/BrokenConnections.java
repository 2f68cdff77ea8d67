package dev.sluice.connect.source;

import com.zaxxer.hikari.SQLExceptionOverride;
import dev.sluice.queue.SessionFailures;
import java.sql.SQLException;

/**
 * Makes a pool close a connection whose session has ended or whose server is read-only. Hikari itself knows fewer
 * reasons.
 */
final class BrokenConnections implements SQLExceptionOverride {
    @java.lang.Override
    public Override adjudicate(SQLException exception) {
        return SessionFailures.isOver(exception.getSQLState()) ? Override.MUST_EVICT : Override.CONTINUE_EVICT;
    }
}
