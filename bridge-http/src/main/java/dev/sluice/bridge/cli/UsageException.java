package dev.sluice.bridge.cli;

import java.util.List;

/** The command cannot be understood, or the configuration it names is not valid. Nothing was done. */
public final class UsageException extends Exception {
    private static final long serialVersionUID = 1L;

    private final List<String> problems;

    /** Says all that is wrong, each as a person should read it. */
    public UsageException(List<String> problems) {
        super(String.join("; ", problems));
        this.problems = List.copyOf(problems);
    }

    UsageException(String problem) {
        this(List.of(problem));
    }

    /** Returns all that is wrong. */
    List<String> problems() {
        return problems;
    }
}
