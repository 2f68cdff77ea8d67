package dev.sluice.buffer;

import java.io.IOException;
import java.nio.file.Path;

/** Somebody else has the log open. Nothing was touched. */
public final class LogLockedException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String holder;

    LogLockedException(Path directory, String holder) {
        super("log " + directory + " is in use by " + holder);
        this.holder = holder;
    }

    /** Names who has the log open: process id, host and start time, as that process wrote them into the lock file. */
    public String holder() {
        return holder;
    }
}
