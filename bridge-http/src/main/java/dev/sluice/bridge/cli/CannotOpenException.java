package dev.sluice.bridge.cli;

import java.io.IOException;

/** The directory or the bridge of a command is missing or does not answer. The command has changed nothing. */
final class CannotOpenException extends IOException {
    private static final long serialVersionUID = 1L;

    CannotOpenException(String message) {
        super(message);
    }

    CannotOpenException(String message, Throwable cause) {
        super(message, cause);
    }
}
