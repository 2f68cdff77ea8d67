package dev.sluice.bridge.ingest;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A record PostgreSQL refused cannot be kept, because too many already are. It stays in its lane, and the lane with it,
 * until some have been retried or dropped.
 */
public final class FailedRecordsFullException extends IOException {
    private static final long serialVersionUID = 1L;

    FailedRecordsFullException(long usedBytes, long limitBytes, int records) {
        super("there is no room for another failed record: " + records + " records, " + usedBytes + " of " + limitBytes
                + " bytes; retry or drop some");
    }

    /** Returns the one that is the reason, or the reason of the reason, of a failure; null if none is. */
    public static @Nullable FailedRecordsFullException in(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof FailedRecordsFullException full) {
                return full;
            }
        }
        return null;
    }
}
