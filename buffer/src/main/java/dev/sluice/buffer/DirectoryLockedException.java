package dev.sluice.buffer;

import java.io.IOException;
import java.nio.file.Path;

/** The directory is locked already, by another process or in this one. Nothing in it was changed. */
public final class DirectoryLockedException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String holder;

    DirectoryLockedException(Path directory, String holder) {
        super("directory " + directory + " is in use by " + holder);
        this.holder = holder;
    }

    /** Returns the holder as it describes itself in the lock file: process id, host and start time. */
    public String holder() {
        return holder;
    }
}
