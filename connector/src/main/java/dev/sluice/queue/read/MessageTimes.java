package dev.sluice.queue.read;

import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * When each message of a slice of a segment was created: what it brought along, or else when the segment was written.
 */
final class MessageTimes {
    private final Instant writtenAt;
    private final @Nullable Timestamp @Nullable [] broughtAlong;

    private MessageTimes(Instant writtenAt, @Nullable Timestamp @Nullable [] broughtAlong) {
        this.writtenAt = writtenAt;
        this.broughtAlong = broughtAlong;
    }

    /** Reads the columns {@code created_at} and {@code created_ats}. */
    static MessageTimes of(ResultSet row) throws SQLException {
        Array times = row.getArray("created_ats");
        return new MessageTimes(
                row.getTimestamp("created_at").toInstant(), times == null ? null : (Timestamp[]) times.getArray());
    }

    /** Returns the time of the message at an index of the slice, from 0. */
    Instant get(int index) {
        Timestamp time = broughtAlong == null ? null : broughtAlong[index];
        return time == null ? writtenAt : time.toInstant();
    }
}
