package dev.sluice.bridge.system;

import java.util.List;

/** The configuration is invalid. Holds all problems; each names its key as the user types it. */
public final class ConfigException extends Exception {
    private static final long serialVersionUID = 1L;

    private final List<String> problems;

    public ConfigException(List<String> problems) {
        super(String.join("\n", problems));
        this.problems = List.copyOf(problems);
    }

    /** Returns the problems, at least one. */
    public List<String> problems() {
        return problems;
    }
}
