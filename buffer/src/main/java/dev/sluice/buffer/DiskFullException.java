package dev.sluice.buffer;

import java.io.IOException;

/** The file system has no space left, or the quota is used up. Acknowledged appends are not affected. */
public final class DiskFullException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message which operation failed, on which file
     * @param cause the error of the operating system
     */
    public DiskFullException(String message, Throwable cause) {
        super(message, cause);
    }
}
