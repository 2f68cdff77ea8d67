package dev.sluice.buffer;

import java.io.IOException;

/** The file system has no space left (or the quota is used up). What was acknowledged before is not affected. */
public final class DiskFullException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message what was being done, to which file
     * @param cause what the operating system said
     */
    public DiskFullException(String message, Throwable cause) {
        super(message, cause);
    }
}
