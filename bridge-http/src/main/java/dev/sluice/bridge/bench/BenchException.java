package dev.sluice.bridge.bench;

/** The benchmark cannot be run, or the words of its command line are invalid. The message is for a person. */
public final class BenchException extends Exception {
    private static final long serialVersionUID = 1L;

    private final boolean isUsage;

    private BenchException(String message, boolean isUsage) {
        super(message);
        this.isUsage = isUsage;
    }

    /** Returns an exception for words that are no command line. */
    public static BenchException usage(String message) {
        return new BenchException(message, true);
    }

    public static BenchException failed(String message) {
        return new BenchException(message, false);
    }

    public boolean isUsage() {
        return isUsage;
    }
}
