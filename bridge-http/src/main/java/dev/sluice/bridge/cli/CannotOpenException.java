package dev.sluice.bridge.cli;

import java.io.IOException;

/** What the command is about is not there, or does not answer. Nothing was done. */
final class CannotOpenException extends IOException {
    private static final long serialVersionUID = 1L;

    CannotOpenException(String message) {
        super(message);
    }

    CannotOpenException(String message, Throwable cause) {
        super(message, cause);
    }
}
