package dev.sluice.bridge.ingest;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * There is no room for another failed record. The record stays in its lane, and the lane holds, until an operator
 * retries or drops some.
 */
public final class FailedRecordsFullException extends IOException {
    private static final long serialVersionUID = 1L;

    FailedRecordsFullException(long usedBytes, long limitBytes, int records) {
        super("there is no room for another failed record: " + records + " records, " + usedBytes + " of " + limitBytes
                + " bytes; retry or drop some");
    }

    /** Returns this exception from the causes of a failure; null if it is none of them. */
    public static @Nullable FailedRecordsFullException in(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof FailedRecordsFullException full) {
                return full;
            }
        }
        return null;
    }
}
