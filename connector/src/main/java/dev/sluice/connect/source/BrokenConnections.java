package dev.sluice.connect.source;

import com.zaxxer.hikari.SQLExceptionOverride;
import dev.sluice.queue.SessionFailures;
import java.sql.SQLException;

/** Has a pool evict a connection whose session is over or whose server is read-only. Hikari knows fewer reasons. */
final class BrokenConnections implements SQLExceptionOverride {
    @java.lang.Override
    public Override adjudicate(SQLException exception) {
        return SessionFailures.isOver(exception.getSQLState()) ? Override.MUST_EVICT : Override.CONTINUE_EVICT;
    }
}
