package dev.sluice.buffer;

import java.io.IOException;
import java.nio.file.Path;

/** Another owner has the directory locked. The caller has changed nothing in it. */
public final class DirectoryLockedException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String holder;

    DirectoryLockedException(Path directory, String holder) {
        super("directory " + directory + " is in use by " + holder);
        this.holder = holder;
    }

    /** Returns the owner as it describes itself in the lock file: process id, host and start time. */
    public String holder() {
        return holder;
    }
}
