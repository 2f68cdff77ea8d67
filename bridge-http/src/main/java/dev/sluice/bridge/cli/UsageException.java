package dev.sluice.bridge.cli;

import java.util.List;

/** The command line or the configuration is invalid. The command has done nothing. */
public final class UsageException extends Exception {
    private static final long serialVersionUID = 1L;

    private final List<String> problems;

    /** Creates the exception with all problems, each for a person to read. */
    public UsageException(List<String> problems) {
        super(String.join("; ", problems));
        this.problems = List.copyOf(problems);
    }

    UsageException(String problem) {
        this(List.of(problem));
    }

    /** Returns all problems. */
    List<String> problems() {
        return problems;
    }
}
